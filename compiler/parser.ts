// A chevrotain parser that scans for itself, token by token, in the mode of the production that asks, and that goes on
// at the next statement after an error. The grammar stands in grammar.ts; nothing here knows a production but by name.
import { type CstNode, CstParser, EOF, type IToken, isRecognitionException } from "chevrotain";
import { limits } from "./limits.ts";
import { plainWords } from "./parse/expected.ts";
import { scanToken } from "./scan.ts";
import * as t from "./tokens.ts";
import { ScanMode, type ScannedToken } from "./tokens.ts";

/** What the engine has beneath its typings and this needs: chevrotain 11.2; the tests of parse hold it. */
interface Engine {
  currIdx: number;
  readonly currRuleShortName: number;
  readonly CST_STACK: (CstNode & { recoveredNode?: boolean })[];
  readonly fullRuleNameToShort: Readonly<Record<string, number>>;
  /** Called with each production that was read to its end; own property, set by the engine's constructor. */
  cstPostRule: (node: CstNode) => void;
  invokeRuleCatch(error: Error, resync: boolean, recovery: () => CstNode): CstNode;
}
const EngineParser = CstParser as unknown as new (
  ...args: ConstructorParameters<typeof CstParser>
) => CstParser & Engine;

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
  t.Pack, t.Param, t.Use,
]); // biome-ignore format: a table

export class ScanningParser extends EngineParser {
  private source = "";
  private scanned: ScannedToken[] = [];
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
      if (node.name === "ruleStatement") this.onRule?.(node);
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

  /** Takes a new text; the parser forgets the one before. */
  /**
   * `onRule` gets each rule as soon as it is read and may empty its node: the concrete trees of ten thousand rules, held
   * to the end, cost more time in the garbage collector than all the parsing.
   */
  start(source: string, onRule: ((node: CstNode) => void) | null = null): void {
    this.input = [];
    this.source = source;
    this.onRule = onRule;
    this.scanned = [];
  }

  /** Lets go of the text and hands over its tokens, as far as they were read. */
  finish(): readonly ScannedToken[] {
    const tokens = this.scanned;
    this.start("");
    return tokens;
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
    const mode = this.modes.get(this.currRuleShortName) ?? ScanMode.Plain;
    let token = this.scanned[index];
    if (token !== undefined) {
      if (token.mode === mode || index <= this.currIdx) return token;
      this.scanned.length = index;
    }
    let last = this.scanned.at(-1) ?? null;
    while (this.scanned.length <= index) {
      if (last !== null && last.tokenType === EOF) return last;
      token = scanToken(this.source, last?.end ?? 0, mode, last);
      this.scanned.push(token);
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
    this.skipStatement(node.location?.startOffset ?? 0);
    return node;
  }

  /** Reads over the rest of the broken statement that began at `start`: blocks whole, then to `;` or the next statement. */
  private skipStatement(start: number): void {
    let braces = 0;
    let brackets = 0;
    let first = this.currIdx + 1;
    while (first > 0 && (this.scanned[first - 1]?.startOffset ?? -1) >= start) first--;
    const count = (token: IToken): void => {
      if (token.tokenType === t.LCurly) braces++;
      else if (token.tokenType === t.RCurly) braces--;
      else if (token.tokenType === t.LSquare || token.tokenType === t.LParen) brackets++;
      else if (token.tokenType === t.RSquare || token.tokenType === t.RParen) brackets--;
    };
    for (let i = first; i <= this.currIdx; i++) count(this.scanned[i] as IToken);
    if (this.errors.length >= limits.syntaxErrors)
      this.scanned.push(scanToken(this.source, this.source.length, ScanMode.Plain, null));
    for (;;) {
      const token = this.LA(1) as ScannedToken;
      const type = token.tokenType;
      if (type === EOF) return;
      if (braces <= 0) {
        const any = this.currIdx >= first;
        if (type === t.RCurly && (any || this.scanned[first] !== token)) return;
        if (any && token.startsLine && beginsStatement(token, brackets > 0)) return;
      }
      count(token);
      this.currIdx++;
      if (braces <= 0 && (type === t.Semicolon || type === t.RCurly)) return;
    }
  }
}

function beginsStatement(token: ScannedToken, inBrackets: boolean): boolean {
  if (statementWords.has(token.tokenType)) return true;
  if (inBrackets || continuing.has(token.tokenType)) return false;
  return /^[A-Za-z_]/.test(token.image);
}
