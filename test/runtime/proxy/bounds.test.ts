// Clients of the proxy that take their time: each is let go, and nothing of theirs reaches what lies behind.
import { copyFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ProxyDoor } from "../../../runtime/doors/proxy/door.ts";
import { proxyLimits } from "../../../runtime/doors/proxy/parts.ts";
import { onProxy, withServer } from "./proxy-under-test.ts";

const document = fileURLToPath(new URL("service.yaml", import.meta.url));
const rules = 'agent "bot" { default permit }';

/** All that comes back until the connection ends. */
function held(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    let came = "";
    socket.on("data", (chunk) => {
      came += String(chunk);
    });
    socket.on("error", () => {});
    socket.once("close", () => resolve(came));
    socket.write(text);
  });
}

test("C10 who sends half a head, half a body, or nothing through a tunnel is let go", () =>
  withServer((behind) =>
    onProxy(rules, async (proxy) => {
      copyFileSync(document, join(proxy.stack.dir, "service.yaml"));
      const service = `http_upstream = "http://127.0.0.1:${behind.port}" http_openapi = "service.yaml"`;
      await proxy.stack.apply(`runtime { http_proxy_port = 0 allow_private = true ${service} }\n${rules}`);
      const { daemon, dir } = proxy.stack;
      const limits = { ...proxyLimits, headMs: 300, bodyMs: 100, idleMs: 400 };
      const door = new ProxyDoor(daemon.governor, daemon.decider, { dir, socket: join(dir, "x.sock") }, limits);
      await door.takePolicy();
      const port = Number(new URL(door.address ?? "").port);
      try {
        const head = `Host: 127.0.0.1:${port}\r\nX-Faramesh-Token: ${proxy.token}\r\nContent-Type: application/json\r\n`;
        const body = await held(port, `POST /orders HTTP/1.1\r\n${head}Content-Length: 100\r\n\r\n{"a":`);
        assert.not.match(body, / 200 /);
        assert.not.match(await held(port, `GET http://127.0.0.1:${behind.port}/ HTTP/1.1\r\nHost: `), / 200 /);
        const target = `127.0.0.1:${behind.port}`;
        const tunnel = await held(port, `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${proxy.auth}\r\n`);
        assert.match(tunnel, /^HTTP\/1\.1 200 Connection Established\r\n\r\n$/);
        assert.is(behind.seen.length, 0);
        for (let turn = 0; turn < 400 && door.connections > 0; turn++)
          await new Promise((resolve) => setTimeout(resolve, 5));
        assert.is(door.connections, 0);
      } finally {
        door.finish();
      }
    }),
  ));

test.run();
