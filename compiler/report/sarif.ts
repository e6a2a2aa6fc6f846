// Diagnostics as SARIF 2.1.0 (OASIS Standard, 27 March 2020), which code-scanning services read. Pure: the same findings
// give the same text.
import { type Diagnostic, type DiagnosticCode, diagnosticCodes, type Place } from "../diagnostic.ts";
import type { ReportOptions } from "./github.ts";

const schemaUri = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
const packageUri = "https://www.npmjs.com/package/faramesh";
/** Where the files of a published package can be read. */
const packageFilesUri = "https://unpkg.com/faramesh";

export interface SarifOptions extends ReportOptions {
  /** Version of the tool, such as `0.1.0`. */
  readonly version: string;
}

/** One run with a rule for every code there is and a result for each diagnostic; JSON with two spaces, ending in LF. */
export function sarifReport(diagnostics: readonly Diagnostic[], options: SarifOptions): string {
  const codes = Object.keys(diagnosticCodes) as DiagnosticCode[];
  const driver = {
    name: "faramesh",
    version: options.version,
    informationUri: packageUri,
    rules: codes.map((code) => rule(code, `${packageFilesUri}@${options.version}/docs/diagnostics`)),
  };
  const log = {
    $schema: schemaUri,
    version: "2.1.0",
    runs: [
      {
        tool: { driver },
        columnKind: "utf16CodeUnits",
        originalUriBaseIds: { SRCROOT: { description: { text: "the root of the repository" } } },
        results: diagnostics.map((diagnostic) =>
          result(diagnostic, codes.indexOf(diagnostic.code), options.folder ?? ""),
        ),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function rule(code: DiagnosticCode, pagesUri: string): object {
  const { severity, title } = diagnosticCodes[code];
  return {
    id: code,
    shortDescription: { text: title },
    helpUri: `${pagesUri}/${code}.md`,
    defaultConfiguration: { level: severity },
  };
}

function result(d: Diagnostic, ruleIndex: number, folder: string): object {
  const related = (d.related ?? []).map((at, id) => ({ id, ...location(at, folder), message: { text: at.message } }));
  return {
    ruleId: d.code,
    ruleIndex,
    level: d.severity,
    message: { text: d.help === undefined ? d.message : `${d.message}\nhelp: ${d.help}` },
    locations: [location(d, folder)],
    ...(related.length === 0 ? {} : { relatedLocations: related }),
  };
}

function location(at: Place, folder: string): object {
  const path = `${folder}${at.file}`;
  return {
    physicalLocation: {
      artifactLocation: { uri: path.split("/").map(encodeURIComponent).join("/"), uriBaseId: "SRCROOT" },
      region: { startLine: at.line, startColumn: at.column, endLine: at.endLine, endColumn: at.endColumn },
    },
  };
}
