// Diagnostics as workflow commands of GitHub Actions, which shows them at their lines of a pull request. Pure. Format:
// https://docs.github.com/actions/reference/workflow-commands-for-github-actions. A text of the policy can never end its
// command and begin another.
import type { Diagnostic } from "../diagnostic.ts";

/** One line per diagnostic, `::error file=…,line=…,col=…,endLine=…,endColumn=…,title=FMS011::message`, each ending in LF. */
export function githubReport(diagnostics: readonly Diagnostic[], options: ReportOptions = {}): string {
  return diagnostics.map((diagnostic) => `${command(diagnostic, options.folder ?? "")}\n`).join("");
}

export interface ReportOptions {
  /** Folder of the policy relative to the repository, with `/` between its parts and at its end; empty for the root. */
  readonly folder?: string;
}

function command(d: Diagnostic, folder: string): string {
  const properties: readonly (readonly [string, string | number])[] = [
    ["file", folder + d.file],
    ["line", d.line],
    ["col", d.column],
    ["endLine", d.endLine],
    ["endColumn", d.endColumn],
    ["title", d.code],
  ];
  const related = (d.related ?? [])
    .map((at) => `\n${folder}${at.file}:${at.line}:${at.column}: ${at.message}`)
    .join("");
  const help = d.help === undefined ? "" : `\nhelp: ${d.help}`;
  const shown = properties.map(([name, value]) => `${name}=${escapeProperty(String(value))}`).join(",");
  return `::${d.severity === "note" ? "notice" : d.severity} ${shown}::${escapeData(d.message + related + help)}`;
}

function escapeData(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
