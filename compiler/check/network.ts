// Network matchers of rules: values that can match at all.
import type { Agent, NetworkMatcher, Value } from "../ast.ts";
import { compileGlob } from "../automaton/index.ts";
import { meantValue } from "../names.ts";
import { type Report, textOf } from "./report.ts";

const portMax = 65_535;
const portRange = /^(\d{1,5})\s*-\s*(\d{1,5})$/;

/** Returns the variable that the matcher reads, or null. */
export function checkMatcher(report: Report, agent: Pick<Agent, "vars">, matcher: NetworkMatcher): string | null {
  const { value, variable } = meantValue(agent, matcher.value);
  checkValue(report, matcher, value);
  return variable;
}

function checkValue(report: Report, matcher: NetworkMatcher, value: Value): void {
  if (report.noEnv(value, "a rule")) return;
  const items = value.kind === "list" ? value.items : [value];
  if (items.length === 0) {
    report.add("FMS012", `an empty list never matches a ${matcher.part}`, value.span, {
      help: "name one value, or remove it",
    });
  }
  for (const item of items) {
    if (matcher.part === "port") checkPort(report, item);
    else checkText(report, matcher.part, item);
  }
}

function checkPort(report: Report, value: Value): void {
  const text = textOf(value);
  const range = text === null ? null : portRange.exec(text);
  const ports = range !== null ? [Number(range[1]), Number(range[2])] : value.kind === "number" ? [value.value] : null;
  if (ports === null) {
    report.add("FMS012", "`port` is a number or a range", value.span, {
      help: 'write port 443, port [80, 443] or port "8000-8999"',
    });
    return;
  }
  const [from = 0, to = from] = ports;
  if (!ports.every((port) => Number.isInteger(port) && port >= 0 && port <= portMax)) {
    report.add("FMS012", `a port is a whole number from 0 to ${portMax}`, value.span);
  } else if (from > to) {
    report.add("FMS012", "this range of ports is empty", value.span, { help: "write the smaller port first" });
  }
}

function checkText(report: Report, part: Exclude<NetworkMatcher["part"], "port">, value: Value): void {
  const text = textOf(value) ?? (value.kind === "number" ? value.text : null);
  if (text === null) {
    report.add("FMS012", `\`${part}\` takes text`, value.span, { help: `write ${part} "…"` });
    return;
  }
  if (part === "path" && !text.startsWith("/") && !text.startsWith("*")) {
    report.add("FMS012", "a path begins with `/`", value.span, { help: `write path "/${text}"` });
    return;
  }
  const compiled = compileGlob(text, {
    separator: part === "path" ? "/" : null,
    ignoreCase: part === "host" || part === "method",
  });
  if (!compiled.ok)
    report.add("FMS024", compiled.message, value.span, compiled.help === undefined ? {} : { help: compiled.help });
}
