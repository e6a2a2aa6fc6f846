// Run by the crash tests in a process of its own: appends for ever and prints each seq once it is durable.
import { Log } from "../../runtime/log/log.ts";

const [dir = "", writers = "8"] = process.argv.slice(2);
const log = await Log.open({ dir, durability: "group", segmentBytes: 20_000 });
process.stdout.write(`open ${log.lastSeq}\n`);

async function write(): Promise<void> {
  for (let count = 0; ; count++) {
    const { seq } = log.append({
      type: "mark",
      policy_version: null,
      policy_hash: null,
      body: { kind: "test", detail: count },
    });
    await log.durable(seq);
    process.stdout.write(`${seq}\n`);
  }
}

await Promise.all(Array.from({ length: Number(writers) }, write));
