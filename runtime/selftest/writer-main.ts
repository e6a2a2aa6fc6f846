// A process that is there to be killed: appends to a log for ever, from several callers at once, and prints each record's number once
// it is durable.
import { nodeDisk } from "../disk.ts";
import { openSample, sampleRecord } from "./sample-log.ts";

const callers = 8;
const [walDir = "", keyDir = ""] = process.argv.slice(2);
const log = await openSample({ disk: nodeDisk, walDir, keyDir });

async function write(): Promise<void> {
  for (let i = 0; log.state === "open"; i++) {
    const { seq } = log.append(sampleRecord(i));
    await log.durable(seq);
    process.stdout.write(`${seq}\n`);
    if (seq % 64 === 0) await log.checkpoint("asked");
  }
}

await Promise.all(Array.from({ length: callers }, write));
