// The tokens that the parser may still look at. Those of statements that were read are let go, because millions of them
// kept to the end cost more time in the garbage collector than the reading; what must outlive them, their problems and
// the braces that are still open, is kept here. Never scans.

import type { ScannedToken } from "./tokens.ts";
import * as t from "./tokens.ts";

/** Tokens that are let go at once; moving the rest forward for each statement would cost more than keeping them. */
const TOKENS_DROPPED_MIN = 4_096;
/** Tokens kept behind one that may be complained of: as far back as help looks. */
const TOKENS_BEHIND = 256;

export class TokenWindow {
  private tokens: ScannedToken[] = [];
  /** Tokens let go; the place of the first one that is kept. */
  private dropped = 0;
  private readonly openAmongDropped: ScannedToken[] = [];
  private readonly problemsAmongDropped: ScannedToken[] = [];

  /** Tokens scanned so far, those let go among them. */
  get length(): number {
    return this.dropped + this.tokens.length;
  }

  /** The token at a place counted from the beginning; undefined when it is not scanned yet or was let go. */
  at(place: number): ScannedToken | undefined {
    return this.tokens[place - this.dropped];
  }

  last(): ScannedToken | undefined {
    return this.tokens.at(-1);
  }

  push(token: ScannedToken): void {
    this.tokens.push(token);
  }

  /** Forgets the tokens from `place` on: another mode will scan them anew. */
  cut(place: number): void {
    this.tokens.length = Math.max(0, place - this.dropped);
  }

  /** Whether enough has been read before `place` to be let go. */
  isFull(place: number): boolean {
    return place - this.dropped >= TOKENS_DROPPED_MIN + TOKENS_BEHIND;
  }

  /** Lets go of the tokens before `place`, but for those that help may look back to. */
  drop(place: number): void {
    const count = place - this.dropped - TOKENS_BEHIND;
    for (const token of this.tokens.splice(0, count)) {
      if (token.tokenType === t.LCurly) this.openAmongDropped.push(token);
      else if (token.tokenType === t.RCurly) this.openAmongDropped.pop();
      if (token.problem !== null) this.problemsAmongDropped.push(token);
    }
    this.dropped += count;
  }

  /** Every token whose characters are wrong, in the order of the text. */
  problems(): ScannedToken[] {
    return [...this.problemsAmongDropped, ...this.tokens.filter(({ problem }) => problem !== null)];
  }

  /** The innermost brace that is open at the end of what was scanned; null when none is. */
  openBrace(): ScannedToken | null {
    const open = [...this.openAmongDropped];
    for (const token of this.tokens) {
      if (token.tokenType === t.LCurly) open.push(token);
      else if (token.tokenType === t.RCurly) open.pop();
    }
    return open.at(-1) ?? null;
  }

  /** The latest tokens, as many as help may look back to. */
  latest(): readonly ScannedToken[] {
    return this.tokens.slice(-TOKENS_BEHIND);
  }

  /** All tokens, as long as none was let go. */
  all(): readonly ScannedToken[] {
    return this.tokens;
  }
}
