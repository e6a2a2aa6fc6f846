// The HTTP door with TLS, and the settings that a daemon does not start with.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, StackUnderTest } from "../stack-under-test.ts";
import { HttpUnderTest } from "./client.ts";

const policy = `agent "bot" { default permit }`;

/** A certificate for gate.example.com in the stack's folder. */
function certify(dir: string): void {
  const subject = ["-subj", "/CN=gate.example.com", "-addext", "subjectAltName=DNS:gate.example.com"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", join(dir, "key.pem")];
  execFileSync("openssl", ["req", "-x509", ...key, "-out", join(dir, "cert.pem"), "-days", "2", ...subject], {
    stdio: "ignore",
  });
}

function ask(http: HttpUnderTest, host: string): Promise<number> {
  const ca = readFileSync(join(http.stack.dir, "cert.pem"));
  return new Promise((resolve, reject) => {
    const headers = { host, authorization: `Bearer ${http.token}` };
    const options = {
      host: "127.0.0.1",
      port: http.port,
      path: "/v1/status",
      ca,
      servername: "gate.example.com",
      headers,
    };
    const outgoing = request(options, (incoming) => {
      incoming.resume();
      incoming.on("end", () => resolve(incoming.statusCode ?? 0));
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}

test("C15 with TLS any address may be listened on, under the certificate's names", async () => {
  const stack = new StackUnderTest({ http: { listen: "0.0.0.0:0", cert: "cert.pem", key: "key.pem" } });
  try {
    certify(stack.dir);
    await stack.start();
    await stack.apply(policy);
    const http = new HttpUnderTest(stack);
    http.token = (await http.tokenOf("agent", "bot")).token;
    assert.match(String(stack.daemon.httpAddress()), /^https:/);
    assert.equal(
      await Promise.all(
        ["gate.example.com", "localhost", "127.0.0.1", "evil.example", "192.0.2.1"].map((host) => ask(http, host)),
      ),
      [200, 200, 200, 421, 421],
    );
    const plain = await http.raw("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert.not.match(plain, "live");
  } finally {
    await stack.remove();
  }
});

test("a policy cannot move the door while the daemon runs", async () => {
  const stack = new StackUnderTest({ http: { listen: "127.0.0.1:0", cert: null, key: null } });
  try {
    await stack.start();
    await stack.apply(`runtime { http_listen = "127.0.0.1:0" }\n${policy}`);
    const moved = stack.apply(`runtime { http_listen = "127.0.0.1:1" }\n${policy}`);
    assert.is(await codeOf(moved), "UNSUPPORTED");
    assert.is(await codeOf(stack.apply(policy)), "UNSUPPORTED");
  } finally {
    await stack.remove();
  }
});

test("after a restart the door is where the policy in force has it", async () => {
  const stack = new StackUnderTest({ http: { listen: "127.0.0.1:0", cert: null, key: null } });
  const later = new StackUnderTest();
  try {
    await stack.start();
    await stack.apply(`runtime { http_listen = "127.0.0.1:0" }\n${policy}`);
    await stack.stop();
    Object.assign(later, { dir: stack.dir });
    await later.start();
    assert.match(String(later.daemon.httpAddress()), /^http:\/\/127\.0\.0\.1:/);
  } finally {
    await later.stop();
    await stack.remove();
  }
});

const files: readonly (readonly [string, string | null, string | null])[] = [
  ["a certificate without a key", "cert.pem", null],
  ["a key without a certificate", null, "key.pem"],
  ["files that are not there", "cert.pem", "key.pem"],
];

for (const [name, cert, key] of files) {
  test(`${name}: the daemon does not start`, async () => {
    const stack = new StackUnderTest({ http: { listen: "127.0.0.1:0", cert, key } });
    try {
      assert.is(await codeOf(stack.start()), "HTTP_SETTING");
    } finally {
      await stack.remove();
    }
  });
}

test.run();
