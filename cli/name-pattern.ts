// A name asked for on the command line, `stripe/*`, matched as the language matches the tools of its rules.
import { compileGlob, run } from "../compiler/automaton/index.ts";
import { exits, Stop } from "./exit.ts";
import { visible } from "./render.ts";

export type NamePattern = (name: string) => boolean;

/** Throws Stop for what is no pattern; `option` is named in it. */
export function namePattern(option: string, text: string): NamePattern {
  const compiled = compileGlob(text, { separator: "/", ignoreCase: false });
  if (!compiled.ok) {
    throw new Stop(
      `${option} \`${visible(text)}\` is no pattern: ${compiled.message}`,
      "for instance: stripe/*",
      exits.usage,
    );
  }
  return (name) => run(compiled.automaton, Buffer.from(name));
}
