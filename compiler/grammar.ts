// The grammar, one method a production, without actions: what may follow what, and nothing about meaning. Rules and their conditions
// stand in grammar-rules.ts, values and the blocks of other matters in grammar-blocks.ts.
import { EOF, type IOrAlt } from "chevrotain";
import { RuleGrammar } from "./grammar-rules.ts";
import * as t from "./tokens.ts";
import { ScanMode } from "./tokens.ts";

/** Productions whose tokens are read in a mode of their own. */
const modes = {
  toolPattern: ScanMode.Pattern,
  patternList: ScanMode.Pattern,
  bareName: ScanMode.Pattern,
  delegateTarget: ScanMode.Pattern,
  keyMaterial: ScanMode.Key,
  value: ScanMode.Value,
  list: ScanMode.Value,
  looseValue: ScanMode.Value,
  rawArguments: ScanMode.Value,
  rawArgument: ScanMode.Value,
} as const;

/** Productions that end an error: the text after them is read on. */
const statements = [
  "topStatement", "agentStatement", "rulesStatement", "phaseStatement", "budgetField", "runtimeField", "looseField",
  "trustField", "alertField", "packStatement", "useField",
]; // biome-ignore format: a table

export class PolicyParser extends RuleGrammar {
  readonly policy = this.RULE("policy", () => {
    this.MANY(() => this.SUBRULE(this.topStatement));
    this.CONSUME(EOF);
  });

  // Pieces that stand alone in a YAML scalar

  readonly ruleAlone = this.RULE("ruleAlone", () => {
    this.SUBRULE(this.ruleStatement);
    this.CONSUME(EOF);
  });

  readonly conditionAlone = this.RULE("conditionAlone", () => {
    this.SUBRULE(this.expression);
    this.CONSUME(EOF);
  });

  readonly assertAlone = this.RULE("assertAlone", () => {
    this.OPTION(() => this.CONSUME(t.Assert));
    this.CONSUME(t.Quantifier);
    this.SUBRULE(this.ruleStatement);
    this.CONSUME(EOF);
  });

  readonly costAlone = this.RULE("costAlone", () => {
    this.SUBRULE(this.costValue);
    this.CONSUME(EOF);
  });

  // Statements of the top level

  private readonly topAlternatives: IOrAlt<unknown>[] = [
    { ALT: () => this.SUBRULE(this.agentBlock) },
    { ALT: () => this.SUBRULE(this.ruleStatement) },
    { ALT: () => this.SUBRULE(this.assertStatement) },
    { ALT: () => this.SUBRULE(this.runtimeBlock) },
    { ALT: () => this.SUBRULE(this.phaseBlock) },
    { ALT: () => this.SUBRULE(this.importStatement) },
    { ALT: () => this.SUBRULE(this.packBlock) },
    { ALT: () => this.SUBRULE(this.topBlock) },
    { ALT: () => this.SUBRULE(this.trustBlock) },
    { ALT: () => this.SUBRULE(this.manifestStatement) },
    { ALT: () => this.SUBRULE(this.strayTop) },
  ];
  readonly topStatement = this.RULE("topStatement", () => {
    this.OR({ DEF: this.topAlternatives, IGNORE_AMBIGUITIES: true });
    this.OPTION(() => this.CONSUME(t.Terminator));
  });

  readonly agentBlock = this.RULE("agentBlock", () => {
    this.CONSUME(t.Agent);
    this.SUBRULE(this.bareName);
    this.CONSUME(t.LCurly);
    this.MANY(() => this.SUBRULE(this.agentStatement));
    this.CONSUME(t.RCurly);
  });

  readonly runtimeBlock = this.RULE("runtimeBlock", () => {
    this.CONSUME(t.Runtime);
    this.CONSUME(t.LCurly);
    this.MANY(() => this.SUBRULE(this.runtimeField));
    this.CONSUME(t.RCurly);
  });

  readonly runtimeField = this.RULE("runtimeField", () => {
    this.OR({
      DEF: [{ ALT: () => this.SUBRULE(this.field) }, { ALT: () => this.SUBRULE(this.stray) }],
      IGNORE_AMBIGUITIES: true,
    });
    this.OPTION(() => this.CONSUME(t.Terminator));
  });

  // What must hold of every call, in the words of a rule

  readonly assertStatement = this.RULE("assertStatement", () => {
    this.CONSUME(t.Assert);
    this.CONSUME(t.Quantifier);
    this.SUBRULE(this.ruleStatement);
  });

  // Statements of an agent

  private readonly agentAlternatives: IOrAlt<unknown>[] = [
    { ALT: () => this.SUBRULE(this.ruleStatement) },
    { ALT: () => this.SUBRULE(this.rulesBlock) },
    { ALT: () => this.SUBRULE(this.assertStatement) },
    { ALT: () => this.SUBRULE(this.defaultField) },
    { ALT: () => this.SUBRULE(this.agentField) },
    { ALT: () => this.SUBRULE(this.varStatement) },
    { ALT: () => this.SUBRULE(this.budgetBlock) },
    { ALT: () => this.SUBRULE(this.rateLimit) },
    { ALT: () => this.SUBRULE(this.redact) },
    { ALT: () => this.SUBRULE(this.phaseBlock) },
    { ALT: () => this.SUBRULE(this.useStatement) },
    { ALT: () => this.SUBRULE(this.plainBlock) },
    { ALT: () => this.SUBRULE(this.namedBlock) },
    { ALT: () => this.SUBRULE(this.alertBlock) },
    { ALT: () => this.SUBRULE(this.delegateBlock) },
    { ALT: () => this.SUBRULE(this.stray) },
  ];
  readonly agentStatement = this.RULE("agentStatement", () => {
    this.OR({ DEF: this.agentAlternatives, IGNORE_AMBIGUITIES: true });
    this.OPTION(() => this.CONSUME(t.Terminator));
  });

  readonly defaultField = this.RULE("defaultField", () => {
    this.CONSUME(t.Default);
    this.OPTION(() => this.CONSUME(t.Separator));
    this.CONSUME(t.Effect);
  });

  readonly agentField = this.RULE("agentField", () => {
    this.CONSUME(t.AgentField);
    this.OPTION(() => this.CONSUME(t.Separator));
    this.SUBRULE(this.value);
  });

  readonly varStatement = this.RULE("varStatement", () => {
    this.CONSUME(t.Var);
    this.CONSUME(t.Word);
    this.OPTION(() => this.CONSUME(t.Separator));
    this.SUBRULE(this.value);
  });

  readonly rulesBlock = this.RULE("rulesBlock", () => {
    this.CONSUME(t.Rules);
    this.CONSUME(t.LCurly);
    this.MANY(() => this.SUBRULE(this.rulesStatement));
    this.CONSUME(t.RCurly);
  });

  private readonly rulesAlternatives: IOrAlt<unknown>[] = [
    { ALT: () => this.SUBRULE(this.ruleStatement) },
    { ALT: () => this.SUBRULE(this.stray) },
  ];
  private readonly rulesChoice = { DEF: this.rulesAlternatives, IGNORE_AMBIGUITIES: true };
  private readonly terminator = (): unknown => this.CONSUME(t.Terminator);
  readonly rulesStatement = this.RULE("rulesStatement", () => {
    this.OR(this.rulesChoice);
    this.OPTION(this.terminator);
  });

  readonly budgetBlock = this.RULE("budgetBlock", () => {
    this.CONSUME(t.Budget);
    this.SUBRULE(this.bareName);
    this.CONSUME(t.LCurly);
    this.MANY(() => this.SUBRULE(this.budgetField));
    this.CONSUME(t.RCurly);
  });

  readonly budgetField = this.RULE("budgetField", () => {
    this.OR({
      DEF: [
        { ALT: () => this.SUBRULE(this.toolsField) },
        { ALT: () => this.SUBRULE(this.costField) },
        { ALT: () => this.SUBRULE(this.field) },
        { ALT: () => this.SUBRULE(this.stray) },
      ],
      IGNORE_AMBIGUITIES: true,
    });
    this.OPTION(() => this.CONSUME(t.Terminator));
  });

  readonly toolsField = this.RULE("toolsField", () => {
    this.CONSUME(t.Tools);
    this.OPTION(() => this.CONSUME(t.Separator));
    this.SUBRULE(this.patternList);
  });

  readonly costField = this.RULE("costField", () => {
    this.CONSUME(t.Cost);
    this.OPTION(() => this.CONSUME(t.Separator));
    this.SUBRULE(this.costValue);
  });

  readonly costValue = this.RULE("costValue", () => {
    this.OR([
      { ALT: () => this.CONSUME(t.Quantity) },
      {
        ALT: () => {
          this.CONSUME(t.Word);
          this.MANY(() => this.SUBRULE(this.postfix));
        },
      },
    ]);
  });

  readonly rateLimit = this.RULE("rateLimit", () => {
    this.CONSUME(t.RateLimit);
    this.SUBRULE(this.toolPattern);
    this.OPTION(() => this.CONSUME(t.Separator));
    this.CONSUME(t.Quantity);
    this.CONSUME(t.Per);
    this.SUBRULE(this.window);
  });

  readonly window = this.RULE("window", () => {
    this.OR([
      { ALT: () => this.CONSUME(t.RateUnit) },
      { ALT: () => this.CONSUME(t.Quantity) },
      { ALT: () => this.CONSUME(t.Text) },
    ]);
  });

  readonly redact = this.RULE("redact", () => {
    this.CONSUME(t.Redact);
    this.SUBRULE(this.toolPattern);
    this.CONSUME(t.Args);
    this.OPTION(() => this.CONSUME(t.Separator));
    this.SUBRULE(this.value);
  });

  readonly phaseBlock = this.RULE("phaseBlock", () => {
    this.CONSUME(t.Phase);
    this.SUBRULE(this.bareName);
    this.CONSUME(t.LCurly);
    this.MANY(() => this.SUBRULE(this.phaseStatement));
    this.CONSUME(t.RCurly);
  });

  readonly phaseStatement = this.RULE("phaseStatement", () => {
    this.OR({
      DEF: [
        { ALT: () => this.SUBRULE(this.ruleStatement) },
        { ALT: () => this.SUBRULE(this.rulesBlock) },
        { ALT: () => this.SUBRULE(this.phaseField) },
        { ALT: () => this.SUBRULE(this.toolsField) },
        { ALT: () => this.SUBRULE(this.stray) },
      ],
      IGNORE_AMBIGUITIES: true,
    });
    this.OPTION(() => this.CONSUME(t.Terminator));
  });

  readonly phaseField = this.RULE("phaseField", () => {
    this.OR([{ ALT: () => this.CONSUME(t.Duration) }, { ALT: () => this.CONSUME(t.Next) }]);
    this.OPTION(() => this.CONSUME(t.Separator));
    this.SUBRULE(this.value);
  });

  // Packs

  readonly packBlock = this.RULE("packBlock", () => {
    this.CONSUME(t.Pack);
    this.SUBRULE(this.bareName);
    this.CONSUME(t.LCurly);
    this.MANY(() => this.SUBRULE(this.packStatement));
    this.CONSUME(t.RCurly);
  });

  private readonly packAlternatives: IOrAlt<unknown>[] = [
    { ALT: () => this.SUBRULE(this.ruleStatement) },
    { ALT: () => this.SUBRULE(this.rulesBlock) },
    { ALT: () => this.SUBRULE(this.paramStatement) },
    { ALT: () => this.SUBRULE(this.varStatement) },
    { ALT: () => this.SUBRULE(this.budgetBlock) },
    { ALT: () => this.SUBRULE(this.rateLimit) },
    { ALT: () => this.SUBRULE(this.redact) },
    { ALT: () => this.SUBRULE(this.useStatement) },
    { ALT: () => this.SUBRULE(this.stray) },
  ];
  readonly packStatement = this.RULE("packStatement", () => {
    this.OR({ DEF: this.packAlternatives, IGNORE_AMBIGUITIES: true });
    this.OPTION(() => this.CONSUME(t.Terminator));
  });

  /** The sign is needed: a word on the next line would pass for the default. */
  readonly paramStatement = this.RULE("paramStatement", () => {
    this.CONSUME(t.Param);
    this.CONSUME(t.Word);
    this.OPTION(() => {
      this.CONSUME(t.Separator);
      this.SUBRULE(this.value);
    });
  });

  readonly useStatement = this.RULE("useStatement", () => {
    this.CONSUME(t.Use);
    this.SUBRULE(this.bareName);
    this.OPTION(() => {
      this.CONSUME(t.LCurly);
      this.MANY(() => this.SUBRULE(this.useField));
      this.CONSUME(t.RCurly);
    });
  });

  readonly useField = this.RULE("useField", () => {
    this.OR({
      DEF: [{ ALT: () => this.SUBRULE(this.field) }, { ALT: () => this.SUBRULE(this.stray) }],
      IGNORE_AMBIGUITIES: true,
    });
    this.OPTION(() => this.CONSUME(t.Terminator));
  });

  constructor() {
    super();
    this.performSelfAnalysis();
    this.settle(modes, statements);
  }
}

let shared: PolicyParser | null = null;

/** One parser for all texts: making one costs more than reading most policies. */
export function sharedParser(): PolicyParser {
  shared ??= new PolicyParser();
  return shared;
}
