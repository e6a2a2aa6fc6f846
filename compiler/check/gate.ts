// `egress` and `model_policy`: their two lists, and globs that can match at all. It never says what a gate means.
import type { Agent, Gate, Value } from "../ast.ts";
import { compileGlob } from "../automaton/index.ts";
import { meantValue } from "../names.ts";
import { kindWords, type Report, textOf } from "./report.ts";

const lists: readonly string[] = ["allow", "deny"];

/** Returns the variables that the gate reads. */
export function checkGate(report: Report, agent: Pick<Agent, "vars">, gate: Gate): readonly string[] {
  const { keyword, fields } = gate;
  const used: string[] = [];
  report.twice(
    fields,
    (f) => f.name,
    (f) => f.nameSpan,
    (f) => `\`${f.name}\``,
  );
  for (const field of fields) {
    if (!lists.includes(field.name)) {
      report.unknownField(field.name, `\`${keyword}\``, lists, field.nameSpan);
      continue;
    }
    const { value, variable } = meantValue(agent, field.value);
    if (variable !== null) used.push(variable);
    if (report.noEnv(value, `\`${keyword}\``)) continue;
    for (const item of value.kind === "list" ? value.items : [value]) checkGlob(report, gate, field.name, item);
  }
  checkSense(report, gate);
  return used;
}

/** An empty `egress` means no host at all; nothing else that is empty means anything. */
function checkSense(report: Report, { keyword, keywordSpan, fields }: Gate): void {
  if (fields.length === 0 && keyword === "model_policy") {
    report.add("FMS014", "`model_policy` names no models", keywordSpan, {
      help: 'write model_policy { allow ["…"] }; `allow []` is no model at all',
    });
  }
  const [only] = fields;
  const isEmpty = only?.value.kind === "list" && only.value.items.length === 0;
  if (fields.length === 1 && only?.name === "deny" && isEmpty) {
    report.add("FMS012", "an empty `deny` denies nothing", only.span, {
      help: "name what is denied, or write `allow []` for nothing at all",
    });
  }
}

function checkGlob(report: Report, { keyword }: Gate, list: string, value: Value): void {
  const text = textOf(value) ?? (value.kind === "number" ? value.text : null);
  const what = keyword === "egress" ? "host" : "model";
  if (text === null) {
    report.add("FMS012", `\`${list}\` lists ${what}s as text, not ${kindWords(value)}`, value.span, {
      help: `write ${list} ["…"]`,
    });
  } else if (text === "") {
    report.add("FMS012", `an empty text is no ${what}`, value.span, { help: "remove it" });
  } else if (keyword === "egress" && text.includes("/")) {
    report.add("FMS012", `\`${text}\` is no host`, value.span, {
      help: "write the name alone, without scheme and path: api.example.com",
    });
  } else {
    const compiled = compileGlob(text, { separator: null, ignoreCase: keyword === "egress" });
    if (!compiled.ok)
      report.add("FMS024", compiled.message, value.span, compiled.help === undefined ? {} : { help: compiled.help });
  }
}
