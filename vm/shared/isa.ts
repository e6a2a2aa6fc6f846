// The instruction set, read by tsc and asc alike: explicit enums and integer constants, nothing else.
// A condition is straight-line code with forward jumps only. Each test asks one three-valued question of slot `a`; the
// instruction's mode says which answer lets the code fall through. Kleene's `and`, `or`, `not` are gone by then: lower
// asks of every subexpression "is it true?" or "is it false?", so that a decision needs no stack.

/** Bytes of one instruction: op u8, mode u8, a u16, b u32, jump u16, c u16. */
export const INSTRUCTION_BYTES = 12;

export enum Op {
  // Tests: result false, unknown or true.
  /** a is the boolean true; unknown unless a is a boolean. */
  Truth = 0,
  /** a is absent or null; never unknown. */
  Nil = 1,
  /** a == numbers[b]; unknown unless a is a number. */
  EqNumber = 2,
  /** a < numbers[b] */
  LtNumber = 3,
  /** a <= numbers[b] */
  LeNumber = 4,
  /** a == strings[b], by bytes; unknown unless a is a string. */
  EqString = 5,
  /** a < strings[b], by bytes. */
  LtString = 6,
  /** a <= strings[b], by bytes. */
  LeString = 7,
  /** a == (b != 0); unknown unless a is a boolean. */
  EqBool = 8,
  /** a is the null of JSON; unknown when absent, false for other kinds is never said: another kind is unknown. */
  EqNull = 9,
  /** a is in sets[b]; unknown when a is absent or no member has its kind. */
  InSet = 10,
  /** The string a contains strings[b], or the list a has it as a member. */
  ContainsString = 11,
  /** The list a has numbers[b] as a member. */
  ContainsNumber = 12,
  /** The list a has the boolean (b != 0) as a member. */
  ContainsBool = 13,
  StartsString = 14,
  EndsString = 15,
  /** automata[b] accepts the string a. */
  Matches = 16,
  /** a equals strings[b], which is lower case, when a's ASCII letters are lowered. */
  EqFolded = 17,
  /** The string a contains strings[b]; unknown unless a is a string. */
  HasText = 18,
  /** The list a has strings[b] as a member; unknown unless a is a list. */
  ListHasString = 19,
  /** automata[b] accepts some string of the list a; unknown unless a is a list. */
  AnyMatches = 20,
  // Tests of two slots; c is the second.
  Equal = 21,
  Less = 22,
  LessEqual = 23,
  /** a is a member of the list c. */
  InList = 24,
  /** The list or string a contains c. */
  Contains = 25,
  Starts = 26,
  Ends = 27,
  // Values: write slot a.
  LoadNumber = 28,
  LoadString = 29,
  LoadBool = 30,
  LoadNull = 31,
  /** a = slot b + slot c; unknown unless both are numbers and the result is finite. */
  Add = 32,
  Subtract = 33,
  Multiply = 34,
  Divide = 35,
  Remainder = 36,
  /** a = -slot b */
  Negate = 37,
  /** a = code points of the string b, or members of the list b. */
  Length = 38,
  /** a = members of the list b; unknown for other kinds. */
  Count = 39,
  /** a = the string b with ASCII letters lowered. */
  Lower = 40,
  Upper = 41,
  /** a = what tracks[b] says of the caller's session: a boolean, or a number. */
  Look = 42,
  // New operations are added before this line; the loader refuses what is not below it.
  End = 43,
}

/** First operation that writes a slot instead of asking a question. */
export const FIRST_VALUE_OP = 28;

/** Bits of an instruction's mode. */
export enum Mode {
  /** Fall through when true, else jump. */
  NeedTrue = 0,
  /** Jump when true, else fall through. */
  SkipTrue = 1,
  /** Fall through when false, else jump. */
  NeedFalse = 2,
  /** Jump when false, else fall through. */
  SkipFalse = 3,
  /** Added to one of the above: falling through ends the code, and the rule matches. */
  Last = 4,
}

/** Jump targets that end a rule's code; others are instructions to skip, counted from the next one. */
export const JUMP_FAIL = 0xffff;
export const JUMP_MATCH = 0xfffe;
/** Longest jump, in instructions. */
export const JUMP_MAX = 0xfffd;

export enum Tri {
  False = 0,
  Unknown = 1,
  True = 2,
}

/** What a slot holds. */
export enum Kind {
  Missing = 0,
  Null = 1,
  Bool = 2,
  Number = 3,
  String = 4,
  List = 5,
  Object = 6,
  /** The result of an operation that has none. */
  Unknown = 7,
}

/**
 * Bytes of a slot: kind u32, length u32 (bytes of a string, members of a list), payload f64, or pointer u32 and tag u32. A
 * string's tag is 0 when its bytes stand at the pointer, else it has none and the tag says which string of the image it is:
 * its index plus one, or TAG_OTHER for none that it is compared with. Only fields that Area.Uses leaves at 0 may be tagged.
 */
export const SLOT_BYTES = 16;
export const TAG_OTHER = 0xffffffff;

/** Where a field is looked up. */
export enum Root {
  Args = 0,
  Tool = 1,
  Agent = 2,
  Action = 3,
  Model = 4,
  Principal = 5,
  Session = 6,
  /** Filled by the machine from the request's time; see TimePart. */
  Time = 7,
  Delegation = 8,
  Purpose = 9,
  /** The request's http part; where there is none, the arguments. */
  Http = 10,
  /** Values that the host asked for elsewhere; the first part of a path is the selector's id. */
  Selectors = 11,
  /** A temporary: written by the code itself. */
  Temporary = 12,
  /** How much data the arguments hold: see SIZE_OF_NUMBER. */
  Size = 13,
}

/**
 * The size of a value: of a text its UTF-8 bytes; of a number 8, or its characters where they are more than NUMBER_TEXT_MAX, which
 * no printer of doubles writes; 1 for true, false and null; of a list 1 and its members; of an object 1 and, for each member, the
 * UTF-8 bytes of its name and the value. Absent arguments are an empty object.
 */
export const SIZE_OF_NUMBER = 8;
export const NUMBER_TEXT_MAX = 25;

export enum TimePart {
  Now = 0,
  Minute = 1,
  Hour = 2,
  Day = 3,
  Month = 4,
  Weekday = 5,
}

export enum RuleEffect {
  Permit = 0,
  Deny = 1,
  Defer = 2,
  Mandatory = 3,
}

/** Bit of a rule: an unknown condition makes it match. */
export const RULE_STRICT = 1;
/** A gate instead of a rule: it belongs to no tool, and the code that it denies with is its list's. Gates stand behind all rules. */
export const RULE_GATE = 2;
