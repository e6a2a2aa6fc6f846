// The words and signs of the language as chevrotain token types. Keywords are contextual: each is a Word too, so it
// stays usable as a name. Which characters make a token is scan.ts's; nothing here reads text.
import { createToken, type IToken, Lexer, type TokenType } from "chevrotain";

function category(name: string, label: string, categories: TokenType[] = []): TokenType {
  return createToken({ name, label, pattern: Lexer.NA, categories });
}

/** Whatever may stand where a statement should: all but a closing brace and the end. */
export const Anything = category("Anything", "anything");
/** Never scanned: consuming it is how the grammar says that what stands there is no statement. */
export const Never = category("Never", "a statement");
export const Word = category("Word", "a name", [Anything]);
/** Operators between two operands. */
export const Infix = category("Infix", "an operator", [Anything]);
export const Terminator = category("Terminator", "`;`", [Anything]);
/** Between a field and its value. */
export const Separator = category("Separator", "`=`", [Anything]);
/** Before an operand. */
export const Prefix = category("Prefix", "`not`", [Anything]);

const sign = (name: string, label: string, ...more: TokenType[]): TokenType =>
  category(name, label, [Anything, ...more]);
const keyword = (name: string, label: string, ...more: TokenType[]): TokenType =>
  category(name, label, [Word, ...more]);

export const LCurly = sign("LCurly", "`{`");
export const RCurly = category("RCurly", "`}`");
export const LSquare = sign("LSquare", "`[`");
export const RSquare = sign("RSquare", "`]`");
export const LParen = sign("LParen", "`(`");
export const RParen = sign("RParen", "`)`");
export const Comma = sign("Comma", "`,`", Terminator);
export const Semicolon = sign("Semicolon", "`;`", Terminator);
export const Colon = sign("Colon", "`:`", Separator);
export const Equals = sign("Equals", "`=`", Separator);
export const Dot = sign("Dot", "`.`");
export const Bang = sign("Bang", "`!`", Prefix);
export const Minus = sign("Minus", "`-`", Infix, Prefix);
/** == != < <= > >= =~ && || + * / % */
export const OperatorSign = sign("OperatorSign", "an operator", Infix);

/** A string in quotes. */
export const Text = sign("Text", "text in quotes");
/** 42, $500, 1h30m, 10mb. */
export const Quantity = sign("Quantity", "a number");
/** Contiguous characters where a tool pattern or a bare value is expected. */
export const Run = sign("Run", "a bare value");
/** A character that begins no token. */
export const Unreadable = sign("Unreadable", "a readable character");

export const Bool = keyword("Bool", "`true` or `false`");
export const Nil = keyword("Nil", "`nil`");
export const Not = keyword("Not", "`not`", Prefix);
export const In = keyword("In", "`in`", Infix);
/** and, or, contains, matches … */
export const OperatorWord = keyword("OperatorWord", "an operator", Infix);
/** permit, deny, defer and their aliases. */
export const Effect = keyword("Effect", "an effect");
/** `deny!` is one sign and never a name. */
export const Mandatory = sign("Mandatory", "`deny!`");
export const If = keyword("If", "`if`");
export const Reason = keyword("Reason", "`reason`");
export const Notify = keyword("Notify", "`notify`");
export const Reeval = keyword("Reeval", "`reeval`");
/** host, port, method, path. */
export const HttpPart = keyword("HttpPart", "a network matcher");
/** query, header. */
export const HttpMap = keyword("HttpMap", "a network matcher");
/** second, minute, hour, day. */
export const RateUnit = keyword("RateUnit", "`second`, `minute`, `hour` or `day`");
/** approved, budget_warning … what an alert listens to beside effects. */
export const AlertEvent = keyword("AlertEvent", "an event");
/** model, framework, version. */
export const AgentField = keyword("AgentField", "a field");

const statement = (word: string): TokenType => keyword(word[0]?.toUpperCase() + word.slice(1), `\`${word}\``);
export const Agent = statement("agent");
export const Runtime = statement("runtime");
export const Import = statement("import");
export const As = statement("as");
export const Trust = statement("trust");
export const Key = statement("key");
export const Manifest = statement("manifest");
export const Orchestrator = statement("orchestrator");
export const Undeclared = statement("undeclared");
export const Grant = statement("grant");
export const To = statement("to");
export const Max = statement("max");
export const Approval = statement("approval");
export const Pack = statement("pack");
export const Param = statement("param");
export const Use = statement("use");
/** provider, identity, system: a name and a block. */
export const TopBlock = keyword("TopBlock", "a block");
/** selector, credential: a name and a block. */
export const NamedBlock = keyword("NamedBlock", "a block");
/** egress, session, spawn …: a block without a name. */
export const PlainBlock = keyword("PlainBlock", "a block");
export const Alert = statement("alert");
export const On = statement("on");
export const Delegate = statement("delegate");
export const Assert = statement("assert");
/** never, always: what an assert says of its calls. */
export const Quantifier = keyword("Quantifier", "`never` or `always`");
export const Default = statement("default");
export const Var = statement("var");
export const Rules = statement("rules");
export const Budget = statement("budget");
export const Tools = statement("tools");
export const Cost = statement("cost");
export const RateLimit = keyword("RateLimit", "`rate_limit`");
export const Per = statement("per");
export const Redact = statement("redact");
export const Args = statement("args");
export const Phase = statement("phase");
export const Duration = statement("duration");
export const Next = statement("next");

const words: readonly (readonly [TokenType, string])[] = [
  [Bool, "true false"],
  [Nil, "nil null"],
  [Not, "not"],
  [In, "in"],
  [OperatorWord, "and or contains starts_with startsWith ends_with endsWith matches"],
  [Effect, "permit allow approve deny block reject defer"],
  [If, "if when"],
  [Reason, "reason"],
  [Notify, "notify"],
  [Reeval, "reeval"],
  [HttpPart, "host port method path"],
  [HttpMap, "query header"],
  [RateUnit, "second minute hour day"],
  [AlertEvent, "approved budget_warning budget_exceeded rate_exceeded"],
  [AgentField, "model framework version"],
  [TopBlock, "provider identity system"],
  [NamedBlock, "selector credential"],
  [PlainBlock, "egress model_policy session spawn completion_gate enforcement ambient"],
  [RateLimit, "rate_limit"],
  [Quantifier, "never always"],
];

const own = [
  Agent, Runtime, Import, As, Trust, Key, Manifest, Orchestrator, Undeclared, Grant, To, Max, Approval, Alert, On,
  Delegate, Default, Var, Rules, Budget, Tools, Cost, Per, Redact, Args, Phase, Duration, Next,
  Pack, Param, Use, Assert,
]; // biome-ignore format: a table

/** The token type of each keyword. */
export const keywords: ReadonlyMap<string, TokenType> = new Map([
  ...words.flatMap(([type, list]) => list.split(" ").map((word): [string, TokenType] => [word, type])),
  ...own.map((type): [string, TokenType] => [type.name.toLowerCase(), type]),
]);

export const allTokens: TokenType[] = [
  Anything, Never, Word, Infix, Terminator, Separator, Prefix, LCurly, RCurly, LSquare, RSquare, LParen, RParen, Comma, Semicolon, Colon,
  Equals, Dot, Bang, Minus, OperatorSign, Text, Quantity, Run, Unreadable, Mandatory, ...new Set(keywords.values()),
]; // biome-ignore format: a table

/** How the characters at a place are read: as the language at large, a tool pattern, a bare value, or base64. */
export const ScanMode = { Plain: 0, Pattern: 1, Value: 2, Key: 3 } as const;
export type ScanMode = (typeof ScanMode)[keyof typeof ScanMode];

/** What is wrong with the characters of a token; reported instead of whatever the grammar would say of it. */
export interface TokenProblem {
  readonly code: "FMS001" | "FMS003" | "FMS004" | "FMS012";
  readonly message: string;
  readonly help?: string;
}

/** A token with what resynchronising and the limits need; ends are exclusive in `end`, inclusive in chevrotain's endOffset. */
export interface ScannedToken extends IToken {
  readonly end: number;
  readonly mode: ScanMode;
  /** First on its line. */
  readonly startsLine: boolean;
  /** Parentheses and brackets open after it, and braces. */
  readonly nesting: number;
  readonly braces: number;
  /** Operators since the latest effect or brace. */
  readonly operators: number;
  /** Commas since the latest bracket or brace. */
  readonly commas: number;
  readonly problem: TokenProblem | null;
}
