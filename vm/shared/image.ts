// The image's layout, read by tsc and asc alike: explicit enums and integer constants. Little-endian; every section
// starts at a multiple of 8. A reference that may be absent is stored plus one, 0 meaning none.
//
//   header   magic u32, format u16, isa u16, total bytes u32, sections u32, reserved 8 bytes zero,
//            digest 32 bytes: SHA-256 of everything behind the header, padded to HEADER_BYTES
//   table    a row for each section, in the order of Section: offset u32, length u32 (bytes, without padding)
//   sections

export const MAGIC = 0x53_4d_46_7f; // 0x7f "FMS"
export const FORMAT_VERSION = 1;
export const ISA_VERSION = 1;
export const HEADER_BYTES = 64;
/** Where the header says how many bytes the image has. */
export const HEADER_TOTAL_BYTES = 8;
export const HEADER_DIGEST = 24;
export const TABLE_ROW_BYTES = 8;

export enum Section {
  /** Rows offset u32, length u32 into the text that follows them; the first u32 is their count, padded to 8. UTF-8. */
  Strings = 0,
  /** f64 each. */
  Numbers = 1,
  /** FIELD_ROW_BYTES each. */
  Fields = 2,
  /** u32 each: lists that rows of other sections point into. */
  Pool = 3,
  /** Rows of sets: first member u32, count u32; members are SET_MEMBER_BYTES in Members. */
  Sets = 4,
  /** kind u32 (Kind), reference u32 (number, string, or 0/1). */
  Members = 5,
  /** Offsets u32 into Automata bytes, one for each automaton, then one past the last. */
  AutomataIndex = 6,
  Automata = 7,
  Code = 8,
  Rules = 9,
  /** What many tools have in common. */
  Shapes = 10,
  /** A plan for each class of tools that the same rules can match: shape u32, first rule u32 (into Pool), rules u32. */
  Plans = 11,
  Agents = 12,
  /** Hash rows of exact tool names: string + 1 u32, plan u32. */
  Exact = 13,
  Dispatch = 14,
  Limits = 15,
  Budgets = 16,
  /** Rollout phases. */
  Phases = 17,
  /** Workflow phases. */
  Stages = 18,
  /** What rules look back at in a session. */
  Tracks = 19,
  /** The time zone's offsets from UTC, OFFSET_ROW_BYTES each; none for UTC. */
  Offsets = 20,
  /** Canonical JSON for the host: runtime settings, redaction paths, notify targets. */
  Host = 21,
  /** For each rule: line u32, column u16, file u16 and text u32 (strings of DebugStrings). */
  Debug = 22,
  DebugStrings = 23,
  /** Canonical JSON: [{file, text}]. */
  Sources = 24,
  End = 25,
}

/** Sections from Strings up to and with Host decide; policy_hash is over them. */
export const DECIDING_SECTIONS = 22;

/** root u8, reserved u8, parts u16, first part u32 into Pool. A part is a string, or PART_INDEX | list index. */
export const FIELD_ROW_BYTES = 8;
export const PART_INDEX = 0x80000000;
/** Slots are counted in 16 bits: fields and temporaries together. */
export const FIELDS_MAX = 65535;
/** Parts of one path; a request's JSON is not deeper than 64. */
export const FIELD_PARTS_MAX = 1024;

export const SET_ROW_BYTES = 8;
export const SET_MEMBER_BYTES = 8;

/** code u32 (first instruction + 1, 0 when unconditional), instructions u16, effect u8, flags u8, pattern u32 (string), reason u32 (string + 1). */
export const RULE_ROW_BYTES = 16;
/** Rules of an image: their numbers fit a verdict and a cause. */
export const RULES_MAX = 1000000;

export const PLAN_ROW_BYTES = 12;

/** Members of a shape's row, as u32 indexes. Lists are a start in Pool and a count. */
export enum Shape {
  DefaultEffect = 0,
  /** Fields that the rules, budgets and conditions of these tools read. */
  FieldsStart = 1,
  FieldsCount = 2,
  /** Rules looked at first: deny!. */
  MandatoryStart = 3,
  MandatoryCount = 4,
  /** Triples phase, first rule (Pool), rules. */
  PhasesStart = 5,
  PhasesCount = 6,
  LimitsStart = 7,
  LimitsCount = 8,
  BudgetsStart = 9,
  BudgetsCount = 10,
  /** Strings of Host's redaction paths. */
  RedactStart = 11,
  RedactCount = 12,
  /** SHAPE_NAMED, SHAPE_TIME, SHAPE_SESSION. */
  Flags = 13,
  /** Gates looked at before every rule; gates are rows of Rules. */
  ModelGatesStart = 14,
  ModelGatesCount = 15,
  /** Gates looked at for what would be permitted, before limits. */
  EgressGatesStart = 16,
  EgressGatesCount = 17,
  /** Triples stage, first rule (Pool), rules: the workflow phases that name these tools, which are hidden in the others. */
  StagesStart = 18,
  StagesCount = 19,
  /** Pairs track, places u32: what a permit feeds. A place is a bit; only sequences have several. */
  TracksStart = 20,
  TracksCount = 21,
  /** Tracks that a denial feeds. */
  DenialsStart = 22,
  DenialsCount = 23,
  /** Numbers, plus one: microseconds after which a session has expired, from its begin and from its latest activity. */
  MaxDuration = 24,
  IdleTimeout = 25,
  /** Gates looked at for what would be permitted, before egress: each matches when a selector that these tools' rules read has no value. */
  SelectorGatesStart = 26,
  SelectorGatesCount = 27,
  End = 28,
}
export const SHAPE_ROW_BYTES = 112;
/** Some rule other than a bare `*` names these tools. */
export const SHAPE_NAMED = 1;
/** Some field of these tools' rules is a part of the time. */
export const SHAPE_TIME = 2;
/** The agent's sessions have state: a permit is their activity. */
export const SHAPE_SESSION = 4;

/** id string u32, exact rows: first u32 and mask u32 (rows - 1; 0xffffffff when none), dispatch offset + 1 u32 (bytes into Dispatch), default plan u32, reserved u32. */
export const AGENT_ROW_BYTES = 24;
export const EXACT_ROW_BYTES = 8;
/** Empty and last rows of Exact probe linearly; no name is farther from its home than this. */
export const EXACT_PROBE_LIMIT = 64;

/**
 * Automaton: classes u16, start u16, states u32, class of each byte [256], then a row of u32 for each state: for each class
 * the byte offset of the next state's row. State 0 is dead and state 1 accepted: their rows lead to themselves. Padded to 8.
 * Offsets instead of numbers keep a multiplication out of the chain from byte to byte: a third less time.
 */
export const AUTOMATON_HEADER_BYTES = 264;
/**
 * An automaton without classes, its u16 of them 0, is one of positions, for patterns whose states would be too many: words
 * u16, positions u32, rows u32, symbols u32, arrows u32, 1 when the empty text matches u32; then
 *   the symbol or row of a character's first byte, u16 [256];
 *   rows of u16 [64], by the continuation byte: a symbol, or POSITION_ROW | a row before this one;
 *   sets of positions, u64 [words] each: Masks in their order, then those that each symbol reaches;
 *   per position of the words, and one behind the last: its first arrow, u32, padded to 8;
 *   arrows: word u32, reserved u32, positions of that word u64.
 * Symbol 0 is bytes that are no character; a continuation byte that is not the row's gives it too and is not taken.
 */
export const POSITION_HEADER_BYTES = 24;
export const POSITION_FIRST_BYTES = 512;
export const POSITION_ROW_BYTES = 128;
export const POSITION_ROW = 0x8000;
export const POSITION_ARROW_BYTES = 16;
/** What the machine has room for, in words of 64 positions; and how much of the rest one automaton may have. */
export const POSITION_WORDS_MAX = 32;
export const POSITION_ROWS_MAX = 0x7fff;
export const POSITION_SYMBOLS_MAX = 1024;
export const POSITION_ARROWS_MAX = 8192;

/** Sets of positions, in this order. */
export enum PositionMask {
  /** The first character may reach them. */
  Start = 0,
  /** The next position follows. */
  Shift = 1,
  /** They follow themselves. */
  Self = 2,
  /** They have arrows. */
  Others = 3,
  /** Reached: accepted, whatever follows. */
  Accepts = 4,
  /** Reached by the last character: accepted. */
  Ends = 5,
  End = 6,
}
/** Dispatch automaton: classes u32, states u32, start u32, reserved u32, class of each byte [256], next u32 [states * classes], plan u32 [states]. Padded to 8. */
export const DISPATCH_HEADER_BYTES = 272;

/** name string u32 (the pattern; of further limits on it a space and their number behind it), count u32, window in microseconds f64. */
export const LIMIT_ROW_BYTES = 16;
export const LIMIT_COUNT_MAX = 1000000;
export const WINDOW_MIN_US = 1000.0;
/** 31 days. A full bucket is count * window in 64 bits: 10^6 of these are 2.7e18. */
export const LIMIT_WINDOW_MAX_US = 2678400000000.0;
/** Budget windows and phases: ten years. */
export const PERIOD_MAX_US = 320000000000000.0;
/** Micro-dollars and calls: 2^53, exact where the host reads them as numbers. */
export const AMOUNT_MAX = 9007199254740992.0;
/** UTF-8 bytes of a name that counters are kept by: of a limit, a budget, a phase's key. */
export const KEY_NAME_MAX = 1152;

/** Members of a budget's row; offsets in bytes. Amounts in micro-dollars, i64, -1 when there is none. */
export enum Budget {
  Id = 0,
  /** BudgetWindow u8, on_exceed u8 (RuleEffect, or BUDGET_AUDIT), CostKind u8. */
  Window = 4,
  OnExceed = 5,
  CostKind = 6,
  /** u8: 1 for a limit of `ambient`, which is looked at before rate limits. */
  Ambient = 7,
  /** Field of the cost, when CostKind is Field or Size; the first of the counted values' fields when it is Distinct. */
  CostField = 8,
  /** When CostKind is Distinct: the second field + 1, looked at where the first has no value; 0 for none. */
  SecondField = 12,
  Max = 16,
  Daily = 24,
  MaxCalls = 32,
  /** Spent at which BUDGET_WARNING is said. */
  WarnAt = 40,
  CostConstant = 48,
  /** Window in microseconds, f64. */
  WindowUs = 56,
}
export const BUDGET_ROW_BYTES = 64;
/** When CostKind is Distinct, in the constant's place: the third field + 1, u32. */
export const BUDGET_THIRD_FIELD = 48;
export const BUDGET_AUDIT = 255;

export enum BudgetWindow {
  Session = 0,
  /** Aligned to the epoch: a day is a UTC day. */
  Aligned = 1,
}

export enum CostKind {
  Request = 0,
  Field = 1,
  Constant = 2,
  /** Bytes: the number in a field. Max is bytes. */
  Size = 3,
  /** One of a kind: MaxCalls is how many different values the fields may have in a window. */
  Distinct = 4,
}

/** key string u32 (agent, name and content: what its clock is kept by), name string u32, previous + 1 u32, agent u32, duration in microseconds f64, next string u32, reserved u32. */
export const PHASE_ROW_BYTES = 32;
/** Most phases of an image, and longest chain of them by `next`: the start of a clock is found by walking the chain. */
export const PHASES_MAX = 4096;
export const PHASE_CHAIN_MAX = 64;

/**
 * A workflow phase: name string u32, agent u32, first u32 and count u32 of the agent's rows (this one among them), tag i64. The tag
 * stands for the name in counters: from 1 to 2^62 - 1, found by the compiler, so that a session's phase outlives a change of policy.
 */
export const STAGE_ROW_BYTES = 24;
export const STAGES_MAX = 65536;

/**
 * A query over a session's calls: name string u32 (its text: equal texts share their meters, whatever the policy), kind u8 (Track),
 * places u8 (of a sequence, else 1), reserved u16, field + 1 u32 (of a sum), reserved u32, window in microseconds f64 (0 for none).
 */
export const TRACK_ROW_BYTES = 24;
export const TRACKS_MAX = 65536;
/** Places of a sequence: bits of a word. */
export const TRACK_PLACES_MAX = 32;

export enum Track {
  /** Permitted calls of the session that match. */
  Count = 0,
  /** Micro-units of an argument over them. */
  Sum = 1,
  /** Places filled, each by a call after the one before. */
  Sequence = 2,
  /** Time of the latest match. */
  Within = 3,
  CountWindow = 4,
  SumWindow = 5,
  /** Denied calls of the session, in a window. */
  Denials = 6,
}

/** From when i64, how far local time is ahead of UTC i64, in microseconds. Times ascend; before the first row its offset holds. */
export const OFFSET_ROW_BYTES = 16;
export const OFFSETS_MAX = 1024;
/** 26 hours: more than clocks have ever been apart. */
export const OFFSET_MAX_US = 93600000000.0;

export const DEBUG_ROW_BYTES = 12;
