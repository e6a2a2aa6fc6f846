// The productions of rules and of their conditions: most of a large policy is read by these.
import type { IOrAlt } from "chevrotain";
import { BlockGrammar } from "./grammar-blocks.ts";
import * as t from "./tokens.ts";

/** What a clause begins with: a comma before it does not end the rule. */
const clauseStarts = new Set([t.If, t.Reason, t.Notify, t.Reeval, t.HttpPart, t.HttpMap]);

export abstract class RuleGrammar extends BlockGrammar {
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
}
