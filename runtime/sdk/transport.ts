// What carries a question to whoever decides, and how it fails. A transport hands over the answer as it came; it must
// never judge one, and never make one up when none came.
import type { Json, JsonObject } from "../json.ts";
import type { SdkCode } from "./tool-denied-error.ts";

/** One call to be judged, as on the agent socket (`{"type":"govern",…}`); absent members are not sent. */
export interface GovernRequest {
  /** Unique for each question; the answer carries it. */
  readonly call_id: string;
  readonly agent_id: string;
  readonly tool_id: string;
  readonly args: JsonObject;
  readonly session_id?: string;
  readonly request_id?: string;
  readonly principal?: JsonObject;
  readonly principal_token?: string;
  readonly model?: string;
  readonly purpose?: string;
  readonly delegation?: Json;
  readonly cost_usd?: number;
  readonly tags?: readonly string[];
  readonly approval_id?: string;
}

export interface PollRequest {
  readonly agent_id: string;
  /** The approval's id, "apr-…". */
  readonly defer_token: string;
  readonly principal_token?: string;
}

export interface Transport {
  /** The answer as parsed JSON, unchecked. Rejects with TransportFailure when there is none, ABORTED when `signal` fires. */
  govern(request: GovernRequest, signal: AbortSignal): Promise<unknown>;
  /** `{"defer_token":…,"status":"pending|approved|denied|expired|unknown"}` as parsed JSON, unchecked. */
  pollDefer(request: PollRequest, signal: AbortSignal): Promise<unknown>;
}

/** Why no answer came. */
export class TransportFailure extends Error {
  readonly code: SdkCode;
  constructor(code: SdkCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "TransportFailure";
    this.code = code;
  }
}
