// A log of real decisions for the questions that read one: the daemon answers the workload, then stops cleanly.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { line } from "../payments/lines.ts";
import { policyText } from "../payments/workload.ts";
import { Caller } from "./caller.ts";
import { apply, daemon, type Server } from "./server.ts";

const WINDOW = 256;
/** Calls on one connection: its denials stay below the flood gate, so that every call has a record of its own. */
const CALLS_PER_CONNECTION = 50_000;

export interface RecordedLog {
  readonly server: Server;
  readonly imageHash: string;
  readonly decisions: number;
  readonly segments: readonly string[];
}

export async function recordedLog(bundles: string, decisions: number): Promise<RecordedLog> {
  const server = await daemon(bundles, policyText, "async");
  const imageHash = await apply(server, bundles, policyText);
  for (let left = decisions; left > 0; left -= CALLS_PER_CONNECTION) {
    const caller = await Caller.open(server.socket);
    await caller.pipeline(line, Math.min(left, CALLS_PER_CONNECTION), WINDOW);
    caller.close();
  }
  await server.stop();
  const segments = readdirSync(server.walDir)
    .filter((name) => name.endsWith(".wal"))
    .map((name) => join(server.walDir, name));
  return { server, imageHash, decisions, segments };
}
