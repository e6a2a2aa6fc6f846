// A provider as a child process. What it does wrong is chosen by its settings and by the path that it is asked for.
import { createInterface } from "node:readline";

let settings = {};
let probes = 0;
const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
const misdeeds = {
  die: () => process.exit(1),
  hang: () => {},
  garbage: () => process.stdout.write("no answer at all\n"),
  long: () => process.stdout.write("x".repeat(200_000)),
  other: (id) => say({ id: id + 1000, ok: true, value: {} }),
  empty: (id) => say({ id, ok: true, value: { values: {} } }),
  number: (id) => say({ id, ok: true, value: { values: { a: 1 } } }),
  refuse: (id) => say({ id, ok: false, code: "not_allowed", message: "the token s3cret is wrong" }),
  shout: (id) => say({ id, ok: false, code: "The Token s3cret" }),
};
const ops = {
  init(id, message) {
    settings = message.settings;
    if (settings.init in misdeeds) misdeeds[settings.init](id);
    else say({ id, ok: true, value: { abilities: ["getSecret", "quote", "emit"] } });
  },
  probe(id) {
    probes += 1;
    if (settings.probe in misdeeds && probes > Number(settings.after ?? 0)) misdeeds[settings.probe](id);
    else say({ id, ok: true });
  },
  getSecret(id, { request }) {
    if (request.path in misdeeds) misdeeds[request.path](id);
    else if (request.path === "environment") say({ id, ok: true, value: { values: { ...process.env } } });
    else if (request.path === "absent") say({ id, ok: false, code: "not_found" });
    else if (request.path === "pid") say({ id, ok: true, value: { values: { pid: String(process.pid) } } });
    else say({ id, ok: true, value: { values: { token: settings.token ?? "t" }, lease_seconds: 60 } });
  },
  quote(id) {
    if (settings.quote in misdeeds) misdeeds[settings.quote](id);
    else process.stdout.write(`{"id":${id},"ok":true,"value":${settings.quote ?? '{"cost_usd":null}'}}\n`);
  },
  shutdown() {
    if (settings.end !== "stay") process.exit(0);
  },
};
if (process.argv.includes("stay")) process.on("SIGTERM", () => {});
createInterface({ input: process.stdin }).on("line", (line) => {
  const message = JSON.parse(line);
  ops[message.op](message.id, message);
});
