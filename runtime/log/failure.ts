// The failures of the log: what the world did, as a code that callers can switch on. It never carries argument values.

export type LogFailureCode =
  /** the log latched after an error of write or sync: nothing is recorded any more */
  | "AUDIT_UNAVAILABLE"
  | "ENTRY_TOO_LARGE"
  /** the queue of unwritten records is full */
  | "OVERLOADED"
  | "CLOSED"
  /** another process writes this log */
  | "LOCKED"
  /** stored bytes are not what was written, or not where they were written */
  | "CORRUPT"
  /** records that were acknowledged are gone */
  | "TAIL_LOST"
  /** neither slot of the head file can be read */
  | "HEAD_INVALID"
  | "SEGMENT_MISSING"
  /** the directory, log.json or digest.key cannot be used as they are */
  | "DIRECTORY_UNUSABLE";

export interface FailurePlace {
  /** file name within the log's directory */
  readonly segment?: string;
  /** bytes from the start of that file */
  readonly offset?: number;
  readonly seq?: number;
}

export class LogFailure extends Error {
  readonly code: LogFailureCode;
  readonly segment: string | undefined;
  readonly offset: number | undefined;
  readonly seq: number | undefined;

  constructor(code: LogFailureCode, message: string, place: FailurePlace = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "LogFailure";
    this.code = code;
    this.segment = place.segment;
    this.offset = place.offset;
    this.seq = place.seq;
  }
}

/** The text of any thrown value, for the `message` of a failure that keeps it as its cause. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
