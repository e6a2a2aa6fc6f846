// The fields of configuration blocks: which exist and what they hold. One table for each block.
import type { Field } from "../ast.ts";
import { parseDuration } from "../parse/quantity.ts";
import { suggest } from "../suggest.ts";
import { timezoneNames, timezoneOffsets } from "../timezone.ts";
import { kindWords, type Report, textOf } from "./report.ts";

type Shape = "text" | "bool" | "duration" | "port" | "list" | "timezone" | readonly string[];

/** Fields of `runtime`. Those whose feature is missing are refused by apply, by name. */
export const runtimeFields: Readonly<Record<string, Shape>> = {
  mode: ["enforce", "audit"],
  wal_dir: "text",
  backend: ["sqlite", "postgres"],
  dsn: "text",
  budget_backend: "text",
  socket: "text",
  http_listen: "text",
  http_upstream: "text",
  http_openapi: "text",
  tls_cert_file: "text",
  tls_key_file: "text",
  mcp_proxy_port: "port",
  http_proxy_port: "port",
  cold_start_deny_window: "duration",
  cold_start_grace: "duration",
  approval_ttl: "duration",
  wal_retention: "duration",
  signing_required: "bool",
  signing_warning_acknowledged: "bool",
  os_tier: "text",
  strip_ambient_credentials: "bool",
  strip_env: "list",
  immutable_config: "bool",
  agent_enforce_profile: "text",
  supervised_command: "text",
  stack_id: "text",
  log_level: "text",
  timezone: "timezone",
  require_governance_before_net: "bool",
  durability: "text",
  strict_guards: "bool",
  signing: "text",
  socket_group: "text",
  postgres_url: "text",
  allow_private: "bool",
};

/** What the compiler itself must know, and no variable may say. */
const compiledFields: ReadonlySet<string> = new Set(["strict_guards", "mode", "timezone"]);

/** Checks names and values of runtime's fields. env() is allowed: the daemon resolves it, and the machine never sees it. */
export function checkRuntime(report: Report, fields: readonly Field[]): void {
  report.twice(
    fields,
    (f) => f.name,
    (f) => f.nameSpan,
    (f) => `\`${f.name}\``,
  );
  for (const field of fields) {
    const shape = Object.hasOwn(runtimeFields, field.name) ? runtimeFields[field.name] : undefined;
    if (shape === undefined) report.unknownField(field.name, "runtime", Object.keys(runtimeFields), field.nameSpan);
    else if (field.value.kind !== "env" || compiledFields.has(field.name)) checkShape(report, field, shape);
  }
}

function checkShape(report: Report, field: Field, shape: Shape): void {
  const { value, name } = field;
  const wrong = (wanted: string, help?: string): void =>
    report.add(
      "FMS012",
      `\`${name}\` is ${wanted}, not ${kindWords(value)}`,
      value.span,
      help === undefined ? {} : { help },
    );
  const text = textOf(value);
  if (shape === "bool") {
    if (value.kind !== "bool") wrong("true or false", `write ${name} = true or ${name} = false`);
  } else if (shape === "duration") {
    const quoted = value.kind === "string" && parseDuration(value.value) !== null;
    if (!quoted && !(value.kind === "number" && value.unit === "duration"))
      wrong("a duration", "write a duration such as 30s, 15m or 48h");
  } else if (shape === "port") {
    const port = value.kind === "number" && value.unit === "plain" ? value.value : Number.NaN;
    if (!Number.isInteger(port) || port < 0 || port > 65_535)
      report.add("FMS012", `\`${name}\` is a port from 0 to 65535`, value.span);
  } else if (shape === "list") {
    if (value.kind !== "list" && text === null) wrong("a list of names", `write ${name} = ["AWS_*"]`);
  } else if (shape === "text") {
    if (text === null && value.kind !== "bool" && value.kind !== "number") wrong("text");
  } else if (shape === "timezone") {
    if (text === null) wrong("the name of a time zone", `write ${name} = "Europe/Berlin"`);
    else if (timezoneOffsets(text) === null) unknownZone(report, text, field);
  } else checkChoice(report, field, shape);
}

/** Names of the IANA database as they stand there: `Europe/Berlin`, also where only the city or another case is written. */
function unknownZone(report: Report, text: string, field: Field): void {
  const names = timezoneNames();
  const spelt = text.replaceAll(" ", "_").toLowerCase();
  const near =
    names.find((name) => name.toLowerCase() === spelt || name.toLowerCase().endsWith(`/${spelt}`)) ??
    suggest(text, names);
  report.add("FMS012", `\`${text}\` is no time zone`, field.value.span, {
    help: near === null ? `write a name of the IANA database, such as "Europe/Berlin"` : `did you mean \`${near}\`?`,
  });
}

/** A field that takes one of a few words. */
export function checkChoice(report: Report, field: Field, choices: readonly string[]): void {
  const text = textOf(field.value);
  if (text !== null && choices.includes(text)) return;
  const list = choices.map((choice) => `\`${choice}\``).join(", ");
  const near = text === null ? null : suggest(text, choices);
  const given = text === null ? kindWords(field.value) : `\`${text}\``;
  report.add("FMS012", `\`${field.name}\` cannot be ${given}`, field.value.span, {
    help: near === null ? `write one of ${list}` : `did you mean \`${near}\`?`,
  });
}
