// `faramesh hook <client>` as a process: standard input in, the client's answer out. It loads nothing else of the command
// line, for a coding agent waits for it before each tool.
import { readSync } from "node:fs";
import { parseArgs } from "node:util";
import { answerHook, type HookOptions, type HookOutcome, isHookClient } from "./hook.ts";

/** Longest message that is read, bytes; an edit of a whole file is within. */
const inputMaxBytes = 8 * 1024 * 1024;
const chunkBytes = 64 * 1024;
/** Longest that the client may take to say it, milliseconds. */
const inputTimeoutMs = 10_000;
const secondsMax = 86_400;
const usage = "faramesh hook claude-code|codex|cursor|copilot [--agent ID] [--dir DIR] [--wait SECONDS]";

interface Words {
  readonly client: string;
  readonly options: HookOptions;
}

/** What the client is to read, and the exit code. */
export async function runHook(words: readonly string[]): Promise<HookOutcome> {
  const read = readWords(words);
  if (typeof read === "string") return { stdout: "", stderr: `faramesh: ${read}\n  ${usage}\n`, exitCode: 2 };
  if (!isHookClient(read.client)) {
    return { stdout: "", stderr: `faramesh knows no client \`${read.client}\`\n  ${usage}\n`, exitCode: 2 };
  }
  try {
    return await answerHook(read.client, await input(), read.options, process.env);
  } catch (error) {
    return { stdout: "", stderr: `faramesh: ${error instanceof Error ? error.message : String(error)}\n`, exitCode: 2 };
  }
}

function readWords(words: readonly string[]): Words | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      options: { agent: { type: "string" }, dir: { type: "string" }, wait: { type: "string" } },
      allowPositionals: true,
    });
    const [client, ...more] = positionals;
    if (client === undefined || more.length > 0) return "one client is named";
    const seconds = Number(values.wait ?? 1);
    if (!(seconds > 0 && seconds <= secondsMax)) return `--wait is a number of seconds up to ${secondsMax}`;
    return {
      client,
      options: {
        ...(values.agent === undefined ? {} : { agentId: values.agent }),
        ...(values.dir === undefined ? {} : { dir: values.dir }),
        ...(values.wait === undefined ? {} : { waitMs: Math.ceil(seconds * 1000) }),
      },
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * The client's message. Read at once where that goes: Node's stream of standard input alone takes 4 ms to come up. A pipe that was
 * made non-blocking, and holds nothing yet, is read as a stream.
 */
async function input(): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  const take = (part: Uint8Array): void => {
    parts.push(part);
    sizeBytes += part.length;
    if (sizeBytes > inputMaxBytes) throw new Error(`the client's message is larger than ${inputMaxBytes} bytes`);
  };
  try {
    while (true) {
      const part = Buffer.allocUnsafe(chunkBytes);
      const count = readSync(0, part, 0, chunkBytes, null);
      if (count === 0) return Buffer.concat(parts);
      take(part.subarray(0, count));
    }
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
  }
  const timer = setTimeout(() => process.stdin.destroy(new Error("the client's message does not end")), inputTimeoutMs);
  for await (const part of process.stdin) take(part as Buffer);
  clearTimeout(timer);
  return Buffer.concat(parts);
}
