// The tools that are known from outside of a policy: those that the project's sources register, and those that the log's
// last calls named. For advice only: what cannot be read is not known, and nothing here fails.
import { lastRecords } from "./last-records.ts";
import { holdsLog, walDirFor } from "./wal.ts";

/** Calls looked at, from the log's end. */
const callsMax = 10_000;

/** Names of tools; empty where neither sources nor log name one. */
export async function knownTools(dir: string, env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const [registered, called] = await Promise.all([registeredTools(dir), calledTools(dir, env)]);
  return [...new Set([...registered, ...called])];
}

async function registeredTools(dir: string): Promise<readonly string[]> {
  try {
    const { discover } = await import("./discover/discover.ts");
    const { tools, unread, mcpServers } = await discover(dir);
    // Where some registration cannot be read, a name that was not found may well be there.
    return unread.length > 0 || mcpServers.length > 0 ? [] : tools.map(({ name }) => name);
  } catch {
    return [];
  }
}

async function calledTools(dir: string, env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  try {
    const walDir = await walDirFor(dir, env);
    if (!holdsLog(walDir)) return [];
    const { records } = await lastRecords(
      walDir,
      callsMax,
      ({ value }) => value.type === "decision",
      () => undefined,
    );
    return records.flatMap(({ value }) => (typeof value.tool === "string" ? [value.tool] : []));
  } catch {
    return [];
  }
}
