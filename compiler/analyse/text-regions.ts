// Texts that between them give every combination of answers that text tests can give: all machines read together, the
// shortest text for each combination of labels. Exact: a combination without a text here has none.
import { Beyond } from "./diagram.ts";
import { TEXT_STATES_MAX } from "./limits.ts";
import { type TextMachine, UTF8_BROKEN, utf8Machine } from "./text-machine.ts";

/** Bytes as a person would like them in an example, best first. */
const pleasant: readonly number[] = [
  ..."abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_.@/: ,;+=()[]{}<>!?#$%&*'\"|~^`\\",
].map((letter) => letter.charCodeAt(0));
const rank = new Uint16Array(256).map((_, byte) => {
  const at = pleasant.indexOf(byte);
  return at >= 0 ? at : pleasant.length + byte;
});

/** One text for each combination of labels. Throws Beyond when the machines together have too many states. */
export function textsOf(machines: readonly TextMachine[]): string[] {
  const all = [...machines, utf8Machine];
  const width = all.length;
  const bytes = jointBytes(all);
  const numbers = new Tuples(width);
  // Flat: a state of all machines together is `width` numbers here, in the order in which it was reached.
  const reached: number[] = all.map(({ start }) => start);
  const from: number[] = [-1];
  const by: number[] = [0];
  const labelNumbers = new Tuples(width);
  const found = new Map<number, number>();
  const next = new Array<number>(width).fill(0);
  numbers.numberOf(reached);
  for (let at = 0; at < from.length; at++) {
    const base = at * width;
    for (let i = 0; i < width; i++) next[i] = (all[i] as TextMachine).labels[reached[base + i] as number] as number;
    if (next[width - 1] === 1) {
      const labels = labelNumbers.numberOf(next);
      // The empty text is the shortest and says least: another of its kind is the better example.
      if (!found.get(labels)) found.set(labels, at);
    }
    for (const byte of bytes) {
      for (let i = 0; i < width; i++) {
        const machine = all[i] as TextMachine;
        next[i] = machine.next[
          (reached[base + i] as number) * machine.classCount + (machine.classOf[byte] as number)
        ] as number;
      }
      if (next[width - 1] === UTF8_BROKEN || numbers.numberOf(next) < from.length) continue;
      if (from.length >= TEXT_STATES_MAX) throw new Beyond("too many states of texts");
      reached.push(...next);
      from.push(at);
      by.push(byte);
    }
  }
  return [...found.values()].map((end) => textTo(from, by, end));
}

/** Numbers tuples in the order in which they come, two numbers at a time: texts as keys were most of the time. */
class Tuples {
  readonly #pairs: Map<number, number>[];
  #count = 0;

  constructor(width: number) {
    this.#pairs = Array.from({ length: width }, () => new Map());
  }

  numberOf(tuple: ArrayLike<number>): number {
    let number = 0;
    for (const [i, pairs] of this.#pairs.entries()) {
      const key = number * PAIR_BASE + (tuple[i] as number);
      const isLast = i === this.#pairs.length - 1;
      const known = pairs.get(key);
      if (known !== undefined) number = known;
      else {
        number = isLast ? this.#count++ : pairs.size;
        pairs.set(key, number);
      }
    }
    return number;
  }
}

/** Above any state or label, so that a pair is one number that a double holds exactly. */
const PAIR_BASE = 2 ** 24;

/** One byte for each set of bytes that no machine tells apart, the pleasant ones first. */
function jointBytes(machines: readonly TextMachine[]): number[] {
  const best = new Map<string, number>();
  for (let byte = 0; byte < 256; byte++) {
    const key = machines.map(({ classOf }) => classOf[byte]).join();
    const other = best.get(key);
    if (other === undefined || (rank[byte] as number) < (rank[other] as number)) best.set(key, byte);
  }
  return [...best.values()].sort((a, b) => (rank[a] as number) - (rank[b] as number));
}

function textTo(from: readonly number[], by: readonly number[], end: number): string {
  const bytes: number[] = [];
  for (let at = end; at > 0; at = from[at] as number) bytes.push(by[at] as number);
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes.reverse()));
}
