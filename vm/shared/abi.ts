// How host and machine speak: areas of memory, codes, limits. Read by tsc and asc alike. The host asks `layout(area)` for
// an area's address once after loading; addresses do not move afterwards.

export enum Area {
  /** Agent id, session id and tool name, UTF-8, NAME_BYTES each, in this order. */
  Names = 0,
  /** SLOT_BYTES for each field of the image; the host fills those of the plan, the machine the rest. */
  Slots = 1,
  /** Text and members of lists that slots point to; the host fills it from its start on each call. */
  Arena = 2,
  /** What the last call answered: i32 and f64 cells, see Result. */
  Result = 3,
  /** Approved causes for the next decision: u32 each, see Cause. */
  Approved = 4,
  /**
   * f64 each: the request's cost in dollars; then METERS_PER_TOOL_MAX micro-dollars, of the plan's budgets in their order (bytes of
   * a Size, 1 or 0 of a Distinct: whether there is a value); then as
   * many micro-units, of the plan's tracked sums at their places among what it feeds.
   */
  Costs = 5,
  Trace = 6,
  Image = 7,
  /** Where snapshots are written and read. */
  Exchange = 8,
  /** JSON of one request, for decideJson. */
  Request = 9,
  /** u8 for each field: 1 when the bytes of its text are read, 0 when a tag can stand for them. */
  Uses = 10,
  /** DIGEST_BYTES for each of the plan's budgets, in their order: SHA-256 of the value that a Distinct one counts. */
  Digests = 11,
}

/** Longest agent id, session id, tool name. */
export const NAME_BYTES = 256;
export const APPROVED_MAX = 64;
/** Most budgets, and most limits, that one tool can be under. */
export const METERS_PER_TOOL_MAX = 64;
export const DIGEST_BYTES = 32;
export const TRACE_EVENTS_MAX = 16384;
/** kind u32, index u32, result u32, reserved u32, slot a, slot c. */
export const TRACE_EVENT_BYTES = 48;

export enum TraceKind {
  RuleBegins = 0,
  Test = 1,
  RuleMatches = 2,
  RuleFails = 3,
  PhaseBegins = 4,
  Limit = 5,
  Budget = 6,
  StageBegins = 7,
  StageHides = 8,
}

/** Cells of the result area, 8 bytes each: an i32 at its start, or an f64. */
export enum Result {
  /** f64: microseconds until the limit has a token. */
  RetryAfterUs = 0,
  /** i32: budget + 1. */
  Budget = 1,
  /** f64: microseconds since 1970 at which that budget's window ends; 0 for a session's. */
  ResetsAtUs = 2,
  /** i32: phase + 1. */
  Phase = 3,
  /** i32: RuleEffect + 1 of what the rest of the policy says. */
  ShadowEffect = 4,
  /** i32: rule + 1 of it. */
  ShadowRule = 5,
  /** i32: cause of a defer, see Cause. */
  Cause = 6,
  /** i32: tokens taken. */
  LimitsTaken = 7,
  /** i32: budgets charged; their micro-dollars are in Area.Costs. */
  BudgetsCharged = 8,
  /** i32, two cells: bits of the plan's budgets that crossed their warning mark with this call. */
  WarnedLow = 9,
  WarnedHigh = 10,
  /** i32: where a load stopped: section, then row. */
  LoadSection = 11,
  LoadRow = 12,
  /** i32: events in the trace. */
  TraceEvents = 13,
  /** f64 */
  WorstCaseSteps = 14,
  /** i32: the session's workflow phase + 1; 0 for tools that no such phase names. */
  Stage = 15,
  /** 32 bytes each. */
  PolicyHash = 16,
  ImageHash = 20,
  StateHash = 24,
  /** i32 each, when decideJson asks for a part of a URL: the field, the URL's place and bytes, bytes of the arena in use. */
  UrlField = 28,
  UrlText = 29,
  UrlBytes = 30,
  ArenaUsed = 31,
  /** i32: plan that decideJson found. */
  Plan = 32,
  /** f64 each, of inspectSession: microseconds since 1970 at which it began and was last active; -1 before it has begun. */
  SessionBegun = 33,
  SessionActive = 34,
  End = 36,
}

/** A cause is its kind in the low two bits, the index of the rule or budget above. */
export enum Cause {
  None = 0,
  Rule = 1,
  Default = 2,
  Budget = 3,
}

/** The machine's word for a verdict: effect (RuleEffect) in bits 0-1, code in bits 2-7, details (Result is filled) bit 8, rule + 1 from bit 9. */
export const VERDICT_CODE_SHIFT = 2;
export const VERDICT_CODE_MASK = 63;
export const VERDICT_DETAILS = 256;
export const VERDICT_RULE_SHIFT = 9;

export enum VerdictCode {
  PolicyPermit = 0,
  PolicyDeny = 1,
  PolicyDefer = 2,
  RateExceeded = 3,
  BudgetExceeded = 4,
  CostUnknown = 5,
  StateFull = 6,
  StepLimit = 7,
  ModelDenied = 8,
  EgressDenied = 9,
  PhaseHidden = 10,
  SessionExpired = 11,
  /** The verdict's rule is the selector's gate, and so is the cause of its defer. */
  SelectorUnavailable = 12,
  AmbientExceeded = 13,
}

/** Answers of lookup() below zero. */
export const LOOKUP_UNKNOWN_AGENT = -1;
export const LOOKUP_BAD_TOOL = -2;

/** Answers of decideJson() below zero. */
export enum JsonCode {
  BadRequest = -1,
  BadToolName = -2,
  UnknownAgent = -3,
  StateUnavailable = -4,
  /** The host is to put a part of `args.url` into the slot of a field, and to call decideOn. */
  Url = -5,
}

/** Bits of decideJson's flags: counters have a home here; a principal that the request claims may be shown to the rules. */
export const JSON_COUNTS = 1;
export const JSON_PRINCIPAL = 2;

export enum LoadCode {
  Ok = 0,
  TooShort = 1,
  BadMagic = 2,
  NewerFormat = 3,
  NewerIsa = 4,
  BadLength = 5,
  BadDigest = 6,
  BadSection = 7,
  BadRow = 8,
  BadInstruction = 9,
  BadAutomaton = 10,
  BadTable = 11,
  NoMemory = 12,
}

export enum RestoreCode {
  Ok = 0,
  BadSnapshot = 1,
  NewerSnapshot = 2,
  TooMany = 3,
}

/** Requests are at most 8 MiB of JSON; text and list members of the fields that are read fit in this. */
export const ARENA_BYTES_DEFAULT = 12582912;
/** Most bytes of a request's JSON, its keys and list members together, and its arrays and objects open at the same time. */
export const REQUEST_BYTES_DEFAULT = 8388608;
export const JSON_ITEMS_MAX = 100000;
export const JSON_DEPTH_MAX = 64;
export const METER_CAPACITY_DEFAULT = 65536;
export const METER_BYTES = 72;
/** Bytes of key text kept for each meter of the capacity, on average. */
export const METER_KEY_BYTES = 96;
/** A snapshot without counters. */
export const SNAPSHOT_HEAD_BYTES = 24;
/** A block of a window's events, in bytes, and how many blocks there are for each meter of the capacity: one for two. */
export const RING_BLOCK_BYTES = 256;
export const METERS_PER_RING_BLOCK = 2;
/** Most events of one window of one session; a permit that would need one more is STATE_FULL. */
export const RING_EVENTS_MAX = 1024;
/** A session's counters, and all that is known of it, are let go after this long without a permit: 24 h. */
export const SESSION_IDLE_US = 86400000000.0;
