// Alerts by mail to a real SMTP server, and by PagerDuty's events to a server that takes their form.
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { deliver } from "../../../runtime/alerts/deliver.ts";
import { mailOf, type Target, targetOf } from "../../../runtime/alerts/target.ts";
import { askOperator } from "../../../runtime/doors/client.ts";
import { withReceiver } from "../receiver.ts";
import { onStack } from "../stack-under-test.ts";

interface Mailed {
  readonly from: string;
  readonly to: readonly string[];
  readonly text: string;
}

async function withMailServer(
  work: (port: number, mails: Mailed[]) => Promise<void>,
  options: SMTPServerOptions = { disabledCommands: ["AUTH", "STARTTLS"] },
): Promise<void> {
  const mails: Mailed[] = [];
  const server = new SMTPServer({
    ...options,
    onData(stream, session, done) {
      let text = "";
      stream.on("data", (chunk) => (text += String(chunk)));
      stream.on("end", () => {
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          from: mailFrom === false ? "" : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          text,
        });
        done();
      });
    },
  });
  server.on("error", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.server.address();
  try {
    await work(typeof address === "object" && address !== null ? address.port : 0, mails);
  } finally {
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

const policyOf = (notify: string): string => `runtime { allow_private = true }
agent "bot" {
  default deny
  permit search
  defer stripe/refund
  alert { on = [deny, defer, approved] notify = ${notify} }
}`;

const told = { id: "action-1-deny", alert: { event: "deny", tool: "x" }, secret: "", nowSeconds: 0 };
const emailTo = (url: string): Extract<Target, { form: "email" }> => {
  return { form: "email", url, from: "daemon@example.com", to: "ops@example.com" };
};

test("a mail has the alert in plain text, one recipient, and the same id at each try", async () => {
  await withMailServer(async (port, mails) => {
    const env = { FARAMESH_SMTP_URL: `smtp://127.0.0.1:${port}`, FARAMESH_SMTP_FROM: "daemon@example.com" };
    await onStack(
      policyOf('"mailto:ops@example.com"'),
      async (stack) => {
        const { action_id } = await stack.ask("nothing", { card: "4242" });
        while (mails.length < 1) await new Promise((resolve) => setTimeout(resolve, 20));
        const [mail] = mails;
        assert.equal([mail?.from, mail?.to], ["daemon@example.com", ["ops@example.com"]]);
        assert.match(mail?.text ?? "", /^Subject: faramesh: deny: bot nothing: /m);
        assert.match(mail?.text ?? "", new RegExp(`^Message-ID: <${action_id}-deny@faramesh\\.invalid>`, "m"));
        assert.match(mail?.text ?? "", /^code: POLICY_DENY$/m);
        assert.not.match(mail?.text ?? "", "4242");
      },
      { env },
    );
  });
});

test("I02 what an agent supplied ends no line and adds no header", () => {
  const { subject, text } = mailOf("id", {
    event: "deny",
    agent_id: "a",
    tool: "t",
    reason: "x\r\nBcc: all@example.com\u2028y",
  });
  assert.not.match(subject, /[\r\n\u2028]/);
  assert.is(text.split("\n").length, 5);
  assert.not.match(text, /^Bcc/m);
});

test("J11 a mail server that refuses, or whose certificate nobody signed, is a failure with a code, and no password is said", async () => {
  const said: string[] = [];
  const onAuth: SMTPServerOptions["onAuth"] = (auth, _session, done) => {
    said.push(String(auth.password));
    done(new Error("no such user"));
  };
  await withMailServer(
    async (port) => {
      const url = `smtp://user:s3cret@127.0.0.1:${port}`;
      assert.is(await deliver(emailTo(url), { ...told, allowPrivate: true }), "EAUTH");
      assert.equal(said, ["s3cret"]);
      assert.is(await deliver(emailTo(url), { ...told, allowPrivate: false }), "its address is private");
    },
    { hideSTARTTLS: true, allowInsecureAuth: true, onAuth },
  );
  await withMailServer(
    async (port) => {
      // Its certificate is signed by nobody.
      const why = await deliver(emailTo(`smtps://user:s3cret@localhost:${port}`), { ...told, allowPrivate: true });
      assert.match(why ?? "taken", /SELF_SIGNED|ETLS|ESOCKET|ECONNECTION|EXPIRED|ALTNAME/);
      assert.is(said.length, 1);
    },
    { secure: true, onAuth },
  );
});

test("a mail goes out encrypted and after a password, to a server whose certificate an authority signed for its name", async () => {
  const dir = mkdtempSync(join(tmpdir(), "faramesh-mail-"));
  try {
    const [keyFile, certFile] = [join(dir, "key.pem"), join(dir, "cert.pem")];
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", keyFile];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"];
    execFileSync("openssl", ["req", "-x509", ...key, "-out", certFile, ...subject], { stdio: "ignore" });
    const said: string[] = [];
    const options: SMTPServerOptions = {
      key: readFileSync(keyFile),
      cert: readFileSync(certFile),
      onAuth(auth, session, done) {
        said.push(`${auth.username} ${auth.password} ${session.secure}`);
        done(null, { user: auth.username ?? "" });
      },
    };
    await withMailServer(
      (startTlsPort, upgraded) =>
        withMailServer(
          async (tlsPort, mails) => {
            const urls = [
              `smtp://user:s3cret%21@localhost:${startTlsPort}`,
              `smtps://user:s3cret%21@localhost:${tlsPort}`,
              `smtp://user:s3cret%21@127.0.0.1:${startTlsPort}`,
              `smtps://user:s3cret%21@127.0.0.1:${tlsPort}`,
            ];
            const words = ["--import", "tsx", join(import.meta.dirname, "mail-child.ts"), ...urls];
            const env = { ...process.env, NODE_EXTRA_CA_CERTS: certFile };
            const { stdout } = await promisify(execFile)(process.execPath, words, { env });
            const [byStartTls, byTls, ...otherNames] = JSON.parse(stdout) as (string | null)[];
            assert.equal([byStartTls, byTls], [null, null]);
            for (const why of otherNames) assert.type(why, "string");
            assert.equal(said, ["user s3cret! true", "user s3cret! true"]);
            assert.equal([upgraded.length, mails.length], [1, 1]);
          },
          { ...options, secure: true },
        ),
      options,
    );
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

const dawdlers: readonly { readonly name: string; readonly talk: (socket: Socket) => void }[] = [
  { name: "says nothing", talk: () => {} },
  {
    name: "greets without end",
    talk: (socket) => {
      const timer = setInterval(() => socket.write("220-well\r\n"), 20);
      socket.on("close", () => clearInterval(timer));
    },
  },
  {
    name: "says without end what it can",
    talk: (socket) => {
      socket.write("220 hello\r\n");
      const timer = setInterval(() => socket.write("250-X\r\n"), 20);
      socket.on("close", () => clearInterval(timer));
    },
  },
];

for (const { name, talk } of dawdlers) {
  test(`J11 a mail server that ${name} is left when the time is over, and the connection with it`, async () => {
    let left: (() => void) | undefined;
    const isLeft = new Promise<string>((resolve) => {
      left = () => resolve("closed");
    });
    const server = createServer((socket) => {
      socket.on("error", () => {}).on("close", () => left?.());
      socket.resume();
      talk(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    let timer: NodeJS.Timeout | undefined;
    try {
      const why = await deliver(emailTo(`smtp://127.0.0.1:${port}`), { ...told, allowPrivate: true }, 300);
      assert.match(why ?? "taken", /no answer within 300 ms|ETIMEDOUT/);
      const patience = new Promise<string>((resolve) => {
        timer = setTimeout(() => resolve("still open"), 20_000);
      });
      assert.is(await Promise.race([isLeft, patience]), "closed");
    } finally {
      clearTimeout(timer);
      server.close();
    }
  });
}

test("an incident of PagerDuty lasts from the defer to the approval, and its key is not shown", async () => {
  await withReceiver(async (receiver) => {
    const env = { PAGERDUTY_ROUTING_KEY: "r0ut1ng", PAGERDUTY_EVENTS_URL: receiver.url };
    await onStack(
      policyOf("pagerduty"),
      async (stack) => {
        const { approval_id } = await stack.ask("stripe/refund", { amount: 1 });
        await receiver.until(1);
        await stack.approve(approval_id);
        const [opened, resolved] = (await receiver.until(2)).map(
          ({ body }) => JSON.parse(body) as Record<string, unknown>,
        );
        assert.equal([opened?.routing_key, opened?.event_action], ["r0ut1ng", "trigger"]);
        assert.equal(Object.keys(Object(opened?.payload)).sort(), [
          "component",
          "custom_details",
          "severity",
          "source",
          "summary",
        ]);
        assert.equal(resolved, { routing_key: "r0ut1ng", event_action: "resolve", dedup_key: opened?.dedup_key });
        assert.is(opened?.dedup_key, `faramesh-${approval_id}`);
        assert.not.match(
          JSON.stringify([await stack.records(), await askOperator(stack.dir, "status", {})]),
          "r0ut1ng",
        );
      },
      { env },
    );
  });
});

test("a target that lacks something says what, and never a secret", () => {
  const env = { FARAMESH_SMTP_URL: "smtp://u:p4ss@h", X: "pagerduty:k3y", Y: "mailto:a@b.c,d@e.f" };
  const problems = [
    targetOf("mailto:ops@example.com", {}),
    targetOf("mailto:ops@example.com", env),
    targetOf("mailto:a@b.c, d@e.f", env),
    targetOf({ env: "Y" }, env),
    targetOf("email://ops@example.com", { ...env, FARAMESH_SMTP_URL: "https://u:p4ss@h" }),
    targetOf("pagerduty", {}),
    targetOf("pagerduty:k3y", env),
  ].map((target) => ("problem" in target ? target.problem : "none"));
  assert.equal(problems, [
    "FARAMESH_SMTP_URL is not set",
    "FARAMESH_SMTP_FROM is no mail address",
    "what stands behind mailto: is no mail address",
    "what stands behind mailto: is no mail address",
    "FARAMESH_SMTP_URL is no smtps://… or smtp://…",
    "PAGERDUTY_ROUTING_KEY is not set",
    'pagerduty: the key belongs in a variable: `notify = "pagerduty"` and PAGERDUTY_ROUTING_KEY',
  ]);
  assert.equal(targetOf({ env: "X" }, env), {
    form: "pagerduty",
    url: "https://events.pagerduty.com/v2/enqueue",
    routingKey: "k3y",
  });
});

test.run();
