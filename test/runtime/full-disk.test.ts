// The disk of the log fills up while eight agents have calls in flight: what is answered from then on, what lies on the disk, and what a
// start does before and after there is room again.
import { mkdirSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readRecords } from "../../runtime/log/read.ts";
import { verifyLog } from "../../runtime/log/verify.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { Random } from "../generate/random.ts";
import { ClientLoad } from "./client-load.ts";
import { DaemonProcess } from "./daemon-process.ts";
import { SmallDisk } from "./small-disk.ts";

const policy = `agent "bot" {
  default deny
  rules { permit pay if amount < 15  permit search  defer ask }
  budget spend { max = $20000 tools = ["pay"] cost = amount }
}`;
const connections = 8;
const sizeBytes = 640 * 1024;
const grownBytes = 64 * 1024 * 1024;

async function recordedPermits(dir: string): Promise<ReadonlySet<unknown>> {
  const permits = new Set<unknown>();
  for await (const { value } of readRecords(dir)) if (value.effect === "permit") permits.add(value.action_id);
  return permits;
}

test("A07 a disk that fills up under load: calls are denied AUDIT_UNAVAILABLE, the daemon ends, no permit is missing, and with room it goes on", async () => {
  const daemon = new DaemonProcess();
  const dir = stackPaths(daemon.dir).defaultWalDir;
  mkdirSync(dir, { mode: 0o700 });
  const disk = await SmallDisk.mount(dir, sizeBytes);
  process.stdout.write(`${disk.isMounted ? "a tmpfs" : "a limit on the size of files"} of ${sizeBytes} bytes\n`);
  try {
    await daemon.again({ before: disk.before });
    await daemon.apply(policy);
    const load = await ClientLoad.begin(daemon, "full", connections, new Random(1));
    const [code] = await daemon.ended;
    await load.ended;
    assert.is(code, 1);

    const refused = load.answers.flat().filter(({ reason_code }) => reason_code === "AUDIT_UNAVAILABLE");
    assert.ok(refused.length > 0 && refused.every(({ effect }) => effect === "DENY"), `${refused.length} refused`);
    for (const answers of load.answers) {
      const first = answers.findIndex(({ reason_code }) => reason_code === "AUDIT_UNAVAILABLE");
      if (first < 0) continue;
      const codes = answers.slice(first).map(({ effect, reason_code }) => `${effect} ${reason_code}`);
      assert.equal([...new Set(codes)], ["DENY AUDIT_UNAVAILABLE"]);
    }

    const permits = load.answers.flat().filter(({ effect }) => effect === "PERMIT");
    const missing = async (): Promise<string[]> => {
      const recorded = await recordedPermits(disk.seen);
      return permits.map(({ action_id }) => String(action_id)).filter((id) => !recorded.has(id));
    };
    assert.ok(permits.length > 50, `${permits.length} permits`);
    assert.equal(await missing(), []);
    const left = await verifyLog(disk.seen);
    assert.ok(left.ok, JSON.stringify(left.fault));

    await daemon.again({ before: disk.before }).then(
      () => assert.unreachable("a daemon started that has no room for a record"),
      (error: unknown) => assert.match(String(error), "did not start"),
    );
    assert.ok((await verifyLog(disk.seen)).ok);

    await daemon.again({ before: disk.grow(grownBytes) });
    assert.is((await daemon.ask("search")).effect, "PERMIT");
    assert.equal(await missing(), []);
    assert.ok((await verifyLog(disk.seen)).ok);
  } finally {
    await daemon.remove();
    await disk.remove();
  }
});

test.run();
