// The part of the grammar that blocks share: values, names, and the blocks that parse and are refused by name, spelt out
// like the others so that malformed text in them is still an error. No actions; grammar.ts has the rest.
import type { IOrAlt } from "chevrotain";
import { blockKinds } from "./blocks.ts";
import { ScanningParser } from "./parser.ts";
import * as t from "./tokens.ts";

const fields = Object.values(blockKinds).flatMap((kind) => Object.entries(kind.fields));
const wordsOf = (rows: typeof fields): Set<string> =>
  new Set(rows.flatMap(([name, { aliases }]) => [name, ...(aliases ?? [])]));
/** Those of gates among them, whose `allow a.example deny b.example` are two fields. */
const fieldNames: ReadonlySet<string> = new Set([...wordsOf(fields), "allow", "deny"]);
/** Fields with several values that may follow each other bare. */
const severalWords: ReadonlySet<string> = wordsOf(
  fields.filter(([, field]) => field.several === true && field.values === undefined),
);

export class BlockGrammar extends ScanningParser {
  // Values and names

  readonly field = this.RULE("field", () => {
    this.CONSUME(t.Word);
    this.OPTION(() => this.CONSUME(t.Separator));
    this.SUBRULE(this.value);
  });

  private readonly valueAlternatives: IOrAlt<unknown>[] = [
    { ALT: () => this.CONSUME(t.Text) },
    { ALT: () => this.CONSUME(t.Quantity) },
    { ALT: () => this.CONSUME(t.Bool) },
    { ALT: () => this.CONSUME(t.Nil) },
    { ALT: () => this.CONSUME(t.Run) },
    { ALT: () => this.SUBRULE(this.list) },
    {
      ALT: () => {
        this.CONSUME(t.Word);
        this.OPTION(() => {
          this.CONSUME(t.LParen);
          this.CONSUME2(t.Text);
          this.CONSUME(t.RParen);
        });
      },
    },
  ];
  private readonly valueChoice = { DEF: this.valueAlternatives, IGNORE_AMBIGUITIES: true };
  readonly value = this.RULE("value", () => {
    this.OR(this.valueChoice);
  });

  protected readonly afterItem: IOrAlt<unknown>[] = [
    { ALT: () => this.CONSUME(t.Comma) },
    { GATE: () => this.LA(1).tokenType === t.RSquare, ALT: () => undefined },
  ];
  private readonly listItem = (): void => {
    this.SUBRULE(this.value);
    this.OR(this.afterItem);
  };
  readonly list = this.RULE("list", () => {
    this.CONSUME(t.LSquare);
    this.MANY(this.listItem);
    this.CONSUME(t.RSquare);
  });

  /** A name after a block's keyword, bare or quoted. */
  readonly bareName = this.RULE("bareName", () => {
    this.OR([{ ALT: () => this.CONSUME(t.Run) }, { ALT: () => this.CONSUME(t.Text) }]);
  });

  // Blocks that parse and are refused by name

  readonly importStatement = this.RULE("importStatement", () => {
    this.CONSUME(t.Import);
    this.CONSUME(t.Text);
    this.OPTION(() => {
      this.CONSUME(t.As);
      this.CONSUME(t.Word);
    });
  });

  readonly topBlock = this.RULE("topBlock", () => {
    this.CONSUME(t.TopBlock);
    this.SUBRULE(this.bareName);
    this.SUBRULE(this.looseBlock);
  });

  readonly namedBlock = this.RULE("namedBlock", () => {
    this.CONSUME(t.NamedBlock);
    this.SUBRULE(this.bareName);
    this.SUBRULE(this.looseBlock);
  });

  readonly plainBlock = this.RULE("plainBlock", () => {
    this.CONSUME(t.PlainBlock);
    this.SUBRULE(this.looseBlock);
  });

  readonly delegateBlock = this.RULE("delegateBlock", () => {
    this.CONSUME(t.Delegate);
    this.SUBRULE(this.delegateTarget);
    this.SUBRULE(this.looseBlock);
  });

  readonly delegateTarget = this.RULE("delegateTarget", () => {
    this.OPTION(() => this.OR([{ ALT: () => this.CONSUME(t.Run) }, { ALT: () => this.CONSUME(t.Text) }]));
  });

  readonly alertBlock = this.RULE("alertBlock", () => {
    this.CONSUME(t.Alert);
    this.CONSUME(t.LCurly);
    this.MANY(() => this.SUBRULE(this.alertField));
    this.CONSUME(t.RCurly);
  });

  readonly alertField = this.RULE("alertField", () => {
    this.OR({
      DEF: [
        { ALT: () => this.SUBRULE(this.alertEvents) },
        { ALT: () => this.SUBRULE(this.looseEntry) },
        { ALT: () => this.SUBRULE(this.stray) },
      ],
      IGNORE_AMBIGUITIES: true,
    });
    this.OPTION(() => this.CONSUME(t.Terminator));
  });

  readonly alertEvents = this.RULE("alertEvents", () => {
    this.CONSUME(t.On);
    this.OPTION(() => this.CONSUME(t.Separator));
    this.OR([
      { ALT: () => this.SUBRULE(this.list) },
      { ALT: () => this.AT_LEAST_ONE(() => this.SUBRULE(this.alertEvent)) },
    ]);
  });

  readonly alertEvent = this.RULE("alertEvent", () => {
    this.OR([
      { ALT: () => this.CONSUME(t.Effect) },
      { ALT: () => this.CONSUME(t.AlertEvent) },
      { ALT: () => this.CONSUME(t.Text) },
    ]);
  });

  readonly trustBlock = this.RULE("trustBlock", () => {
    this.CONSUME(t.Trust);
    this.CONSUME(t.LCurly);
    this.MANY(() => this.SUBRULE(this.trustField));
    this.CONSUME(t.RCurly);
  });

  readonly trustField = this.RULE("trustField", () => {
    this.OR({
      DEF: [
        {
          ALT: () => {
            this.CONSUME(t.Key);
            this.OPTION2(() => this.CONSUME(t.Separator));
            this.CONSUME(t.Text);
            this.SUBRULE(this.keyMaterial);
          },
        },
        { ALT: () => this.SUBRULE(this.looseEntry) },
        { ALT: () => this.SUBRULE(this.stray) },
      ],
      IGNORE_AMBIGUITIES: true,
    });
    this.OPTION(() => this.CONSUME(t.Terminator));
  });

  readonly keyMaterial = this.RULE("keyMaterial", () => {
    this.OR([{ ALT: () => this.CONSUME(t.Run) }, { ALT: () => this.CONSUME(t.Text) }]);
  });

  readonly manifestStatement = this.RULE("manifestStatement", () => {
    this.CONSUME(t.Manifest);
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.Orchestrator);
          this.SUBRULE(this.bareName);
          this.CONSUME(t.Undeclared);
          this.CONSUME(t.Effect);
        },
      },
      {
        ALT: () => {
          this.CONSUME(t.Grant);
          this.SUBRULE2(this.bareName);
          this.CONSUME(t.To);
          this.SUBRULE3(this.bareName);
          this.CONSUME(t.Max);
          this.CONSUME(t.Quantity);
          this.OPTION(() => this.CONSUME(t.Approval));
        },
      },
    ]);
  });

  readonly looseBlock = this.RULE("looseBlock", () => {
    this.CONSUME(t.LCurly);
    this.MANY(() => this.SUBRULE(this.looseField));
    this.CONSUME(t.RCurly);
  });

  readonly looseField = this.RULE("looseField", () => {
    this.OR({
      DEF: [{ ALT: () => this.SUBRULE(this.looseEntry) }, { ALT: () => this.SUBRULE(this.stray) }],
      IGNORE_AMBIGUITIES: true,
    });
    this.OPTION(() => this.CONSUME(t.Terminator));
  });

  readonly looseEntry = this.RULE("looseEntry", () => {
    this.takesSeveral = severalWords.has(this.CONSUME(t.Word).image);
    this.OPTION(() => this.CONSUME(t.Separator));
    this.SUBRULE(this.looseValue);
  });

  readonly looseValue = this.RULE("looseValue", () => {
    this.SUBRULE(this.value);
    this.MANY(() => this.CONSUME(t.Text));
    this.MANY2({ GATE: () => this.takesSeveral && this.goesOn(), DEF: () => this.SUBRULE2(this.value) });
  });

  /** The field being read may have several values. */
  private takesSeveral = false;

  /** `scope refund charge`: a bare value on the same line that is no field of any block is one more value. */
  private goesOn(): boolean {
    const next = this.LA(1) as t.ScannedToken;
    if (this.LA(0).tokenType === t.RSquare || next.startsLine || next.image.endsWith(":")) return false;
    return next.tokenType === t.Text || (/^[A-Za-z_*]/.test(next.image) && !fieldNames.has(next.image));
  }

  // What is no statement

  readonly stray = this.RULE("stray", () => {
    this.CONSUME(t.Anything);
    this.CONSUME(t.Never);
  });

  readonly strayTop = this.RULE("strayTop", () => {
    this.OR([{ ALT: () => this.CONSUME(t.Anything) }, { ALT: () => this.CONSUME(t.RCurly) }]);
    this.CONSUME(t.Never);
  });
}
