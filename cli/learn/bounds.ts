// What the arguments of the calls that a rule let through have in common, as conditions: the largest number, the few texts. Pure. It
// says nothing of an argument that some call lacks, or of which a value was taken out.

import { requestWords } from "../../compiler/names.ts";
import { operators } from "../../compiler/statements.ts";
import { quoted } from "../../compiler/text.ts";
import type { Json, JsonObject } from "../../runtime/json.ts";

/** Calls from which anything is learned; with fewer the next one would be another. */
export const CALLS_MIN = 5;
/** Different texts of one argument that are written as a list, and the characters of the longest. */
const TEXTS_MAX = 5;
const TEXT_LENGTH_MAX = 64;
/** Arguments that get a condition. */
const CONDITIONS_MAX = 6;

/** `["amount <= 480", "currency in [\"EUR\", \"USD\"]"]`, in order of name; empty where nothing can be said. */
export function boundsOf(calls: readonly JsonObject[], variables: ReadonlySet<string>): string[] {
  const [first] = calls;
  if (first === undefined || calls.length < CALLS_MIN) return [];
  const names = Object.keys(first).filter((name) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  const bounds = names.sort().flatMap((name) => {
    if (!calls.every((args) => Object.hasOwn(args, name))) return [];
    const bound = boundOf(
      nameIn(name, variables),
      calls.map((args) => args[name] ?? null),
    );
    return bound === null ? [] : [bound];
  });
  return bounds.slice(0, CONDITIONS_MAX);
}

const wordsAlone = new Set([...operators, "true", "false", "nil", "null", "if", "when"]);

/** A name that is a word of the language, or a variable, is written in full. */
function nameIn(name: string, variables: ReadonlySet<string>): string {
  const { alone, owners } = requestWords();
  const isTaken = wordsAlone.has(name) || alone.includes(name) || owners.includes(name) || variables.has(name);
  return isTaken || name === "recipients" ? `args.${name}` : name;
}

function boundOf(name: string, values: readonly Json[]): string | null {
  if (values.every((value) => typeof value === "number")) {
    const numbers = values as readonly number[];
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    return low === high ? `${name} == ${high}` : low < 0 ? null : `${name} >= 0 and ${name} <= ${high}`;
  }
  const distinct = [...new Set(values)];
  if (distinct.length === 1 && typeof distinct[0] === "boolean") return `${name} == ${distinct[0]}`;
  const isPlain = (value: Json): value is string =>
    typeof value === "string" && value.length <= TEXT_LENGTH_MAX && /^[\x20-\x7e]*$/.test(value);
  if (distinct.length > TEXTS_MAX || distinct.length * 2 > values.length || !distinct.every(isPlain)) return null;
  const texts = distinct.map(quoted).sort();
  return texts.length === 1 ? `${name} == ${texts[0]}` : `${name} in [${texts.join(", ")}]`;
}
