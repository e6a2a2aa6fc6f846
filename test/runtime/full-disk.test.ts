// The disk of the log fills up while eight agents have calls in flight: what is answered from then on, what lies on the disk, and what a
// start does before and after there is room again.
import { mkdirSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { verifyLog } from "../../runtime/log/verify.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { Random } from "../generate/random.ts";
import { assertRefusedFromThen, decisionsOf, lost } from "./answers-on-record.ts";
import { ClientLoad, loadPolicy } from "./client-load.ts";
import { DaemonProcess } from "./daemon-process.ts";
import { SmallDisk } from "./small-disk.ts";

const connections = 8;
const sizeBytes = 640 * 1024;
const grownBytes = 64 * 1024 * 1024;

test("A07 a disk that fills up under load: calls are denied AUDIT_UNAVAILABLE, the daemon ends, no permit is missing, and with room it goes on", async () => {
  const daemon = new DaemonProcess();
  const dir = stackPaths(daemon.dir).defaultWalDir;
  mkdirSync(dir, { mode: 0o700 });
  const disk = await SmallDisk.mount(dir, sizeBytes);
  process.stdout.write(`${disk.isMounted ? "a tmpfs" : "a limit on the size of files"} of ${sizeBytes} bytes\n`);
  try {
    await daemon.again({ before: disk.before });
    await daemon.apply(loadPolicy);
    const load = await ClientLoad.begin(daemon, "full", connections, new Random(1));
    const [code] = await daemon.ended;
    await load.ended;
    assert.is(code, 1);

    const answers = load.answers.flat();
    assert.ok(assertRefusedFromThen(load.answers) > 0);
    const decided = answers.filter(({ reason_code }) => reason_code !== "AUDIT_UNAVAILABLE");
    assert.ok(decided.length > 100, `${decided.length} decisions`);
    assert.equal(lost(decided, await decisionsOf(disk.seen)), []);
    const left = await verifyLog(disk.seen);
    assert.ok(left.ok, JSON.stringify(left.fault));

    await daemon.again({ before: disk.before }).then(
      () => assert.unreachable("a daemon started that has no room for a record"),
      (error: unknown) => assert.match(String(error), "did not start"),
    );
    assert.ok((await verifyLog(disk.seen)).ok);

    await daemon.again({ before: disk.grow(grownBytes) });
    assert.is((await daemon.ask("search")).effect, "PERMIT");
    assert.equal(lost(decided, await decisionsOf(disk.seen)), []);
    assert.ok((await verifyLog(disk.seen)).ok);
  } finally {
    await daemon.remove();
    await disk.remove();
  }
});

test.run();
