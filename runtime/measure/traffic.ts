// The requests that a policy is measured with: those of a file, or those that the stack's log kept whole. It counts what it
// leaves out, and never makes up what a record lost.
import type { EvaluationRequest, Policy } from "../evaluator/types.ts";
import { canonicalJson, type Json, type JsonObject, parseJson } from "../json.ts";
import { readRecords } from "../log/read.ts";
import { Past } from "../past.ts";
import { isKept, notJudged, recordedCall } from "../recorded-call.ts";
import { readCall } from "../request.ts";

/** Most requests that are kept; of a log the newest. */
export const requestsMax = 100_000;
/** Requests without a time of their own are judged so far from each other. */
const stepMs = 1000;

export interface Sample {
  readonly request: EvaluationRequest;
  /** The same as JSON. */
  readonly bytes: Buffer;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly trustPrincipal: true;
}

export interface Traffic {
  readonly samples: readonly Sample[];
  /** Calls of which something that the policy reads was not kept, or that never came before it. */
  readonly notReplayable: number;
  /** Calls beyond `requestsMax`. */
  readonly leftOut: number;
}

/** What is wrong with a line of a file of requests. */
export class TrafficFailure extends Error {
  readonly line: number;
  constructor(line: number, message: string) {
    super(message);
    this.name = "TrafficFailure";
    this.line = line;
  }
}

export function sampleOf(request: EvaluationRequest, now: number): Sample {
  return { request, bytes: Buffer.from(canonicalJson(request as unknown as Json)), now, trustPrincipal: true };
}

/** A request a line, in the form that the daemon takes; empty lines are passed over. Throws TrafficFailure. */
export function requestsOf(text: string, startMs: number): Traffic {
  const samples: Sample[] = [];
  let leftOut = 0;
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    if (samples.length >= requestsMax) {
      leftOut++;
      continue;
    }
    const now = startMs + samples.length * stepMs;
    const read = parseJson(new TextEncoder().encode(line));
    if (!read.ok) throw new TrafficFailure(index + 1, "this is no JSON that can be read in one way only");
    const document = read.value;
    if (typeof document !== "object" || document === null || Array.isArray(document))
      throw new TrafficFailure(index + 1, "a request is an object");
    const call = readCall(document as JsonObject, true);
    if (!call.ok) throw new TrafficFailure(index + 1, `${call.refused.code}: ${call.refused.message}`);
    samples.push(sampleOf(call.call.request, now));
  }
  return { samples, notReplayable: 0, leftOut };
}

export interface LogOptions {
  readonly walDir: string;
  readonly policiesDir: string;
  readonly policy: Policy;
  readonly load: (image: Uint8Array) => Policy;
  /** Microseconds since 1970. */
  readonly sinceUs: number;
  onProgress?(seq: number): void;
}

const progressRecords = 1024;

/** Recorded calls from `sinceUs` on. Throws LogFailure. */
export async function callsOfLog(options: LogOptions): Promise<Traffic> {
  const { policy, sinceUs } = options;
  const past = new Past(options.policiesDir, options.load);
  const samples: Sample[] = [];
  let [notReplayable, leftOut] = [0, 0];
  for await (const { value, seq } of readRecords(options.walDir)) {
    if (seq % progressRecords === 0) options.onProgress?.(seq);
    const call = recordedCall(value);
    if (call !== null && call.nowMs * 1000 >= sinceUs) {
      const { agent_id, tool_id } = call.request;
      const tool = policy.tool(agent_id, tool_id);
      const then = past.active?.policy.tool(agent_id, tool_id) ?? null;
      if (notJudged.has(call.code) || tool === null || !isKept(call, tool, then)) notReplayable++;
      else samples.push(sampleOf(call.request, call.nowMs));
      if (samples.length >= 2 * requestsMax) leftOut += samples.splice(0, requestsMax).length;
    }
    past.take(value);
  }
  const tooMany = Math.max(0, samples.length - requestsMax);
  return { samples: samples.slice(tooMany), notReplayable, leftOut: leftOut + tooMany };
}
