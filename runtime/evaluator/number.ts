// A JSON number that JavaScript cannot print back as it was written. It never rounds: the text is what was received.

/**
 * A JSON number whose text differs from what JavaScript prints for its value, or whose integer is beyond ±2^53.
 * `text` is the lexeme as received, `value` the nearest double. `exact` is false when the text is an integer (without
 * fraction and exponent, or an integral one) outside ±(2^53 - 1): then only the text may be compared.
 */
export class JsonNumber {
  readonly text: string;
  readonly value: number;
  readonly exact: boolean;

  constructor(text: string, value: number, exact: boolean) {
    this.text = text;
    this.value = value;
    this.exact = exact;
  }
}
