// A chevrotain parser that scans for itself, token by token, in the mode of the production that asks, and that goes on
// at the next statement after an error. The grammar stands in grammar.ts; nothing here knows a production but by name.
import {
  type CstNode,
  CstParser,
  EOF,
  type IRecognitionException,
  type IToken,
  isRecognitionException,
} from "chevrotain";
import { limits } from "./limits.ts";
import { plainWords } from "./parse/expected.ts";
import { scanToken } from "./scan.ts";
import * as t from "./tokens.ts";
import { ScanMode, type ScannedToken, type TokenProblem } from "./tokens.ts";
import { TokenWindow } from "./window.ts";

/** What the engine has beneath its typings and this needs: chevrotain 11.2; the tests of parse hold it. */
interface Engine {
  currIdx: number;
  readonly currRuleShortName: number;
  readonly CST_STACK: (CstNode & { recoveredNode?: boolean })[];
  readonly fullRuleNameToShort: Readonly<Record<string, number>>;
  /** Called with each production that was read to its end; own property, set by the engine's constructor. */
  cstPostRule: (node: CstNode) => void;
  SAVE_ERROR(error: IRecognitionException): IRecognitionException;
  invokeRuleCatch(error: Error, resync: boolean, recovery: () => CstNode): CstNode;
}
const EngineParser = CstParser as unknown as new (
  ...args: ConstructorParameters<typeof CstParser>
) => CstParser & Engine;

/** An error of the grammar with what stood around it when it was met. */
export interface Complaint {
  readonly error: IRecognitionException;
  /** The tokens up to the place and the one behind it, as far back as help looks. */
  readonly tokens: readonly ScannedToken[];
  /** The innermost brace open there; null when none is. */
  readonly openBrace: ScannedToken | null;
}

/** What was found while a text was read. */
export interface Reading {
  readonly text: string;
  readonly complaints: readonly Complaint[];
  /** Tokens whose characters are wrong, in the order of the text. */
  readonly problems: readonly ScannedToken[];
  /** Reading ended before the text did, because too much was wrong. */
  readonly isCut: boolean;
}

/** Words that never begin a statement: a line that begins with one goes on with the line before. */
const continuing = new Set([
  t.OperatorWord,
  t.In,
  t.Not,
  t.If,
  t.Reason,
  t.Notify,
  t.Reeval,
  t.HttpPart,
  t.HttpMap,
  t.As,
  t.Per,
]);
const statementWords = new Set([
  t.Effect, t.Mandatory, t.Agent, t.Runtime, t.Import, t.Trust, t.Manifest, t.TopBlock, t.NamedBlock, t.PlainBlock,
  t.Alert, t.Delegate, t.Default, t.Var, t.Rules, t.Budget, t.RateLimit, t.Redact, t.Phase,
  t.Pack, t.Param, t.Use, t.Assert,
]); // biome-ignore format: a table

/** Tokens whose characters are wrong, after which a text is read no further. */
const PROBLEMS_READ = 1_000;

const tooManyRules: TokenProblem = {
  code: "FMS004",
  message: `the policy has more than ${limits.rules} rules`,
  help: "replace long lists of rules by patterns, or split the policy",
};

export class ScanningParser extends EngineParser {
  private source = "";
  private kept = new TokenWindow();
  /** The whole text need not be kept: tokens of statements that were read are let go. */
  private isForgetful = false;
  /** Braces and brackets open where statements began whose first tokens were let go. */
  private levels = new WeakMap<CstNode, { readonly braces: number; readonly nesting: number }>();
  private complaints: Complaint[] = [];
  private isCut = false;
  private problemCount = 0;
  private isSkipping = false;
  private ruleCount = 0;
  private readonly modes = new Map<number, ScanMode>();
  private readonly statements = new Set<number>();
  private onRule: ((node: CstNode) => void) | null = null;

  constructor() {
    super(t.allTokens, {
      maxLookahead: 1,
      recoveryEnabled: false,
      nodeLocationTracking: "onlyOffset",
      errorMessageProvider: plainWords,
    });
    const place = this.cstPostRule;
    this.cstPostRule = (node) => {
      place.call(this, node);
      if (node.name === "ruleStatement") this.endRule(node);
      if (this.isForgetful && this.kept.isFull(this.currIdx)) this.forget();
    };
  }

  /** To be called once, after performSelfAnalysis: productions with a mode of their own, and those that end an error. */
  protected settle(modes: Readonly<Record<string, ScanMode>>, statements: readonly string[]): void {
    for (const [name, mode] of Object.entries(modes)) this.modes.set(this.shortName(name), mode);
    for (const name of statements) this.statements.add(this.shortName(name));
  }

  private shortName(production: string): number {
    const short = this.fullRuleNameToShort[production];
    if (short === undefined) throw new Error(`no production ${production}`);
    return short;
  }

  /**
   * Takes a new text; the parser forgets the one before. `onRule` gets each rule as soon as it is read and may empty its
   * node: the concrete trees of ten thousand rules, held to the end, cost more time in the garbage collector than all the
   * parsing. So do their tokens, which are let go as well unless `keepsTokens`.
   */
  start(source: string, onRule: ((node: CstNode) => void) | null = null, keepsTokens = true): void {
    this.input = [];
    this.source = source;
    this.onRule = onRule;
    this.isForgetful = !keepsTokens;
    this.kept = new TokenWindow();
    this.complaints = [];
    this.isCut = false;
    this.isSkipping = false;
    this.problemCount = 0;
    this.ruleCount = 0;
  }

  /** All tokens as far as they were read, where they are kept. */
  tokens(): readonly ScannedToken[] {
    return this.kept.all();
  }

  /** Lets go of the text and hands over what was wrong with it. */
  finish(): Reading {
    const { source, complaints, kept, isCut } = this;
    const reading = { text: source, complaints, problems: kept.problems(), isCut };
    this.start("");
    return reading;
  }

  private endRule(node: CstNode): void {
    this.onRule?.(node);
    this.ruleCount++;
    if (this.ruleCount > limits.rules && !this.isCut) this.stop(node.location);
  }

  /** Ends the text here; at one rule more than there may be, which is then complained of. */
  private stop(rule?: CstNode["location"]): void {
    this.isCut = true;
    this.kept.cut(this.currIdx + 1);
    const end = scanToken(this.source, this.source.length, ScanMode.Plain, this.kept.last() ?? null);
    const place = { startOffset: rule?.startOffset ?? end.startOffset, endOffset: rule?.endOffset ?? end.endOffset };
    this.kept.push(rule === undefined ? end : { ...end, ...place, problem: tooManyRules });
  }

  /** Lets go of what was read; of statements that are still open, how deep they began is noted. */
  private forget(): void {
    const { kept } = this;
    for (const node of this.CST_STACK) {
      if (this.levels.has(node)) continue;
      const first = this.placeOf(node.location?.startOffset ?? 0);
      const { braces = 0, nesting = 0 } = kept.at(first - 1) ?? {};
      this.levels.set(node, { braces, nesting });
    }
    kept.drop(this.currIdx);
  }

  /** The place of the first token that is kept and does not begin before `offset`. */
  private placeOf(offset: number): number {
    let place = this.currIdx + 1;
    while (place > 0 && (this.kept.at(place - 1)?.startOffset ?? -1) >= offset) place--;
    return place;
  }

  override SAVE_ERROR(error: IRecognitionException): IRecognitionException {
    const saved = super.SAVE_ERROR(error);
    const { kept } = this;
    this.complaints.push({ error: saved, tokens: kept.latest(), openBrace: kept.openBrace() });
    return saved;
  }

  protected override LA(distance: number): IToken {
    return this.tokenAt(this.currIdx + distance);
  }

  protected override LA_FAST(distance: number): IToken {
    return this.tokenAt(this.currIdx + distance);
  }

  /** Scans as far as `index`; a token not yet consumed is scanned anew when another mode asks for it. */
  private tokenAt(index: number): IToken {
    if (index < 0) return EOF as unknown as IToken;
    const { kept } = this;
    const mode = this.modes.get(this.currRuleShortName) ?? ScanMode.Plain;
    let token = kept.at(index);
    if (token !== undefined) {
      if (token.mode === mode || index <= this.currIdx) return token;
      if (!this.isCut) kept.cut(index);
    }
    let last = kept.last() ?? null;
    while (kept.length <= index) {
      if (last !== null && last.tokenType === EOF) return last;
      const isSpoilt = this.problemCount > PROBLEMS_READ;
      token = scanToken(this.source, isSpoilt ? this.source.length : (last?.end ?? 0), mode, last);
      if (token.problem !== null) {
        // In what is skipped nobody knows which characters a tool or a value may have.
        if (this.isSkipping && mayBeValue(token)) token = { ...token, problem: null };
        else this.problemCount++;
      }
      kept.push(token);
      last = token;
    }
    return last as IToken;
  }

  override invokeRuleCatch(error: Error, resync: boolean, recovery: () => CstNode): CstNode {
    const node = this.CST_STACK.at(-1);
    if (node === undefined || !isRecognitionException(error) || !this.statements.has(this.currRuleShortName)) {
      return super.invokeRuleCatch(error, resync, recovery);
    }
    node.recoveredNode = true;
    this.isSkipping = true;
    this.skipStatement(node);
    this.isSkipping = false;
    return node;
  }

  /** Reads over the rest of the broken statement: blocks whole, then to `;` or the next statement. */
  private skipStatement(node: CstNode): void {
    let braces = 0;
    let brackets = 0;
    const { kept } = this;
    const first = this.placeOf(node.location?.startOffset ?? 0);
    const count = (token: IToken): void => {
      if (token.tokenType === t.LCurly) braces++;
      else if (token.tokenType === t.RCurly) braces--;
      else if (token.tokenType === t.LSquare || token.tokenType === t.LParen) brackets++;
      else if (token.tokenType === t.RSquare || token.tokenType === t.RParen) brackets--;
    };
    const level = this.levels.get(node);
    const latest = kept.at(this.currIdx);
    if (level !== undefined && latest !== undefined) {
      braces = latest.braces - level.braces;
      brackets = latest.nesting - level.nesting;
    } else for (let i = first; i <= this.currIdx; i++) count(kept.at(i) as IToken);
    if (this.complaints.length >= limits.errorsReported && !this.isCut) this.stop();
    for (;;) {
      const token = this.LA(1) as ScannedToken;
      const type = token.tokenType;
      if (type === EOF) return;
      if (braces <= 0) {
        const any = this.currIdx >= first;
        if (type === t.RCurly && (any || kept.at(first) !== token)) return;
        if (any && token.startsLine && beginsStatement(token, brackets > 0)) return;
      }
      count(token);
      this.currIdx++;
      if (braces <= 0 && (type === t.Semicolon || type === t.RCurly)) return;
      if (this.isForgetful && kept.isFull(this.currIdx)) this.forget();
    }
  }
}

/** What is wrong with the token is wrong in one mode only. */
function mayBeValue({ problem, image }: ScannedToken): boolean {
  return problem?.code === "FMS012" || (problem?.code === "FMS001" && /^[ -~]/.test(image));
}

function beginsStatement(token: ScannedToken, inBrackets: boolean): boolean {
  if (statementWords.has(token.tokenType)) return true;
  if (inBrackets || continuing.has(token.tokenType)) return false;
  return /^[A-Za-z_]/.test(token.image);
}
