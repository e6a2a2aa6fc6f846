// A place in a pattern's text, and the flags in force there. It must never know what the text means.

import { PatternError } from "./syntax.ts";

export interface Flags {
  readonly ignoreCase: boolean;
  readonly multiLine: boolean;
  readonly dotAll: boolean;
}

export class Cursor {
  readonly text: string;
  at = 0;
  flags: Flags = { ignoreCase: false, multiLine: false, dotAll: false };

  constructor(text: string) {
    this.text = text;
  }

  get done(): boolean {
    return this.at >= this.text.length;
  }

  sees(expected: string): boolean {
    return this.text.startsWith(expected, this.at);
  }

  skip(expected: string): boolean {
    if (!this.sees(expected)) return false;
    this.at += expected.length;
    return true;
  }

  /** What a sticky expression matches here, stepping over it. */
  take(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.at;
    const match = expression.exec(this.text);
    if (match !== null) this.at += match[0].length;
    return match;
  }

  /** The next code point, stepping over it; halves of surrogate pairs are refused, since no UTF-8 text can hold one. */
  takeCodePoint(): number {
    const point = this.text.codePointAt(this.at);
    if (point === undefined) throw new PatternError("the pattern ends too early", this.at);
    if (point >= 0xd800 && point <= 0xdfff) {
      throw new PatternError("half of a surrogate pair stands in the pattern and can never match", this.at);
    }
    this.at += point > 0xffff ? 2 : 1;
    return point;
  }
}
