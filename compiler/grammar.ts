// The grammar, one method a production, without actions: what may follow what, and nothing about meaning. Values and
// the blocks that this version refuses stand in grammar-blocks.ts.
import { EOF, type IOrAlt } from "chevrotain";
import { BlockGrammar } from "./grammar-blocks.ts";
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

/** What a clause begins with: a comma before it does not end the rule. */
const clauseStarts = new Set([t.If, t.Reason, t.Notify, t.Reeval, t.HttpPart, t.HttpMap]);

/** Productions that end an error: the text after them is read on. */
const statements = [
  "topStatement", "agentStatement", "rulesStatement", "phaseStatement", "budgetField", "runtimeField", "looseField",
  "trustField", "alertField", "packStatement", "useField",
]; // biome-ignore format: a table

export class PolicyParser extends BlockGrammar {
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

  readonly costAlone = this.RULE("costAlone", () => {
    this.SUBRULE(this.costValue);
    this.CONSUME(EOF);
  });

  // Statements of the top level

  private readonly topAlternatives: IOrAlt<unknown>[] = [
    { ALT: () => this.SUBRULE(this.agentBlock) },
    { ALT: () => this.SUBRULE(this.ruleStatement) },
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

  // Statements of an agent

  private readonly agentAlternatives: IOrAlt<unknown>[] = [
    { ALT: () => this.SUBRULE(this.ruleStatement) },
    { ALT: () => this.SUBRULE(this.rulesBlock) },
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

  // Rules

  // What each rule and operand of a large policy passes through is made once: closures made anew each time were a third of all
  // that reading one leaves to the garbage collector.

  private readonly effectAlternatives: IOrAlt<unknown>[] = [
    { ALT: () => this.CONSUME(t.Effect) },
    { ALT: () => this.CONSUME(t.Mandatory) },
  ];
  private readonly commaBefore = (): unknown => this.CONSUME(t.Comma);
  private readonly clausesOfRule = {
    GATE: (): boolean => this.LA(1).tokenType !== t.Comma || clauseStarts.has(this.LA(2).tokenType),
    DEF: (): void => {
      this.OPTION(this.commaBefore);
      this.SUBRULE(this.clause);
    },
  };
  readonly ruleStatement = this.RULE("ruleStatement", () => {
    this.OR(this.effectAlternatives);
    this.SUBRULE(this.toolPattern);
    this.MANY(this.clausesOfRule);
  });

  private readonly afterIf = (): unknown => this.CONSUME4(t.Separator);
  private readonly afterReason = (): unknown => this.CONSUME(t.Separator);
  private readonly clauseAlternatives: IOrAlt<unknown>[] = [
    {
      ALT: () => {
        this.CONSUME(t.If);
        this.OPTION3(this.afterIf);
        this.SUBRULE(this.expression);
      },
    },
    {
      ALT: () => {
        this.CONSUME(t.Reason);
        this.OPTION(this.afterReason);
        this.CONSUME(t.Text);
      },
    },
    {
      ALT: () => {
        this.OR2([
          { ALT: () => this.CONSUME(t.Notify) },
          { ALT: () => this.CONSUME(t.Reeval) },
          { ALT: () => this.CONSUME(t.HttpPart) },
        ]);
        this.OPTION2(() => this.CONSUME2(t.Separator));
        this.SUBRULE(this.value);
      },
    },
    {
      ALT: () => {
        this.CONSUME(t.HttpMap);
        this.OPTION4(() => this.CONSUME5(t.Separator));
        this.OR3([{ ALT: () => this.CONSUME(t.Word) }, { ALT: () => this.CONSUME2(t.Text) }]);
        this.CONSUME3(t.Separator);
        this.SUBRULE2(this.value);
      },
    },
  ];
  readonly clause = this.RULE("clause", () => {
    this.OR(this.clauseAlternatives);
  });

  private readonly patternAlternatives: IOrAlt<unknown>[] = [
    { ALT: () => this.CONSUME(t.Run) },
    { ALT: () => this.CONSUME(t.Text) },
  ];
  readonly toolPattern = this.RULE("toolPattern", () => {
    this.OR(this.patternAlternatives);
  });

  readonly patternList = this.RULE("patternList", () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.LSquare);
          this.MANY(() => {
            this.SUBRULE(this.toolPattern);
            this.OR2(this.afterItem);
          });
          this.CONSUME(t.RSquare);
        },
      },
      { ALT: () => this.SUBRULE2(this.toolPattern) },
    ]);
  });

  // Conditions: a flat run of operands and operators; which binds tighter is decided by the one who reads the tree

  private readonly infixAlternatives: IOrAlt<unknown>[] = [
    { ALT: () => this.CONSUME(t.Infix, { LABEL: "operator" }) },
    {
      ALT: () => {
        this.CONSUME(t.Not, { LABEL: "operator" });
        this.CONSUME(t.In, { LABEL: "operator" });
      },
    },
  ];
  private readonly infixAndOperand = (): void => {
    this.OR(this.infixAlternatives);
    this.SUBRULE2(this.operand);
  };
  readonly expression = this.RULE("expression", () => {
    this.SUBRULE(this.operand);
    this.MANY(this.infixAndOperand);
  });

  private readonly operandAlternatives: IOrAlt<unknown>[] = [
    { ALT: () => this.CONSUME(t.Quantity) },
    { ALT: () => this.CONSUME(t.Text) },
    { ALT: () => this.CONSUME(t.Bool) },
    { ALT: () => this.CONSUME(t.Nil) },
    { ALT: () => this.CONSUME(t.Word) },
    { ALT: () => this.SUBRULE(this.list) },
    {
      ALT: () => {
        this.CONSUME(t.LParen);
        this.SUBRULE(this.expression);
        this.CONSUME(t.RParen);
      },
    },
  ];
  private readonly prefixes = (): unknown => this.CONSUME(t.Prefix);
  private readonly postfixes = (): unknown => this.SUBRULE(this.postfix);
  private readonly operandChoice = { DEF: this.operandAlternatives, IGNORE_AMBIGUITIES: true };
  readonly operand = this.RULE("operand", () => {
    this.MANY(this.prefixes);
    this.OR(this.operandChoice);
    this.MANY2(this.postfixes);
  });

  private readonly postfixAlternatives: IOrAlt<unknown>[] = [
    {
      ALT: () => {
        this.CONSUME(t.Dot);
        this.CONSUME(t.Word);
        this.OPTION(() => this.SUBRULE(this.callArguments));
      },
    },
    {
      ALT: () => {
        this.CONSUME(t.LSquare);
        this.CONSUME(t.Quantity);
        this.CONSUME(t.RSquare);
      },
    },
    { ALT: () => this.SUBRULE2(this.callArguments) },
  ];
  readonly postfix = this.RULE("postfix", () => {
    this.OR(this.postfixAlternatives);
  });

  readonly callArguments = this.RULE("callArguments", () => {
    this.OR({
      DEF: [
        { GATE: () => this.takesPatterns(), ALT: () => this.SUBRULE(this.rawArguments) },
        { ALT: () => this.SUBRULE(this.plainArguments) },
      ],
      IGNORE_AMBIGUITIES: true,
    });
  });

  readonly plainArguments = this.RULE("plainArguments", () => {
    this.CONSUME(t.LParen);
    this.MANY_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.expression) });
    this.CONSUME(t.RParen);
  });

  readonly rawArguments = this.RULE("rawArguments", () => {
    this.CONSUME(t.LParen);
    this.MANY_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.rawArgument) });
    this.CONSUME(t.RParen);
  });

  readonly rawArgument = this.RULE("rawArgument", () => {
    this.SUBRULE(this.value);
    this.OPTION(() => {
      this.OR([{ ALT: () => this.CONSUME(t.Equals) }, { ALT: () => this.CONSUME(t.Colon, { LABEL: "Equals" }) }]);
      this.SUBRULE2(this.value);
    });
  });

  /** The call that follows is history_…(…), session.sum(…) or session.count(…), whose arguments are tool patterns. */
  private takesPatterns(): boolean {
    const name = this.LA(0).image;
    if (name.startsWith("history_")) return true;
    return (name === "sum" || name === "count") && this.LA(-1).tokenType === t.Dot && this.LA(-2).image === "session";
  }

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
