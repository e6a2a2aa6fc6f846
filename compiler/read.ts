// Which form a policy is written in: the ending of its name says. Every form gives the same tree.
import type { SourceText } from "./ast.ts";
import { type ParseResult, parse } from "./parse.ts";
import { parseYaml } from "./yaml.ts";

/** Parses the main source, `sources[0]`: `.yaml` and `.yml` as YAML, `.json` as JSON, any other name as text. */
export function readPolicy(sources: readonly SourceText[]): ParseResult {
  const file = sources[0]?.file ?? "";
  if (/\.ya?ml$/i.test(file)) return parseYaml(sources, "yaml");
  return /\.json$/i.test(file) ? parseYaml(sources, "json") : parse(sources);
}
