// Every policy of test/diagnostics, what it imports in its folder, and the text beside it that its author sees. FARAMESH_RENEW=1 writes the texts anew; read them.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Diagnostic, diagnosticCodes } from "../../compiler/diagnostic.ts";
import { renderDiagnostic, renderDiagnostics } from "../../compiler/frame.ts";
import { compile } from "../../compiler/index.ts";
import { importsIn } from "../imports.ts";

const folder = fileURLToPath(new URL("../diagnostics/", import.meta.url));
const cases = readdirSync(folder).filter((file) => file.endsWith(".fms"));

const diagnose = (text: string): readonly Diagnostic[] => compile(text, { file: "governance.fms" }).diagnostics;

test("there are policies to diagnose", () => {
  assert.ok(cases.length >= 40);
});

for (const file of cases) {
  test(`diagnostics of ${file}`, () => {
    const text = readFileSync(folder + file, "utf8");
    const imports = importsIn(folder + file.replace(/fms$/, "imports"));
    const { diagnostics, sources } = compile(text, { file: "governance.fms", imports });
    const shown = `${renderDiagnostics(diagnostics, sources).join("\n\n")}\n`;
    const expected = folder + file.replace(/fms$/, "txt");
    if (process.env.FARAMESH_RENEW === "1") writeFileSync(expected, shown);
    assert.is(shown, readFileSync(expected, "utf8"));
  });
}

test("a frame shows the line, one before and one after", () => {
  const [d] = diagnose("agent a {\n  default deny\n  permt x\n}\n");
  assert.is(
    d === undefined ? "" : renderDiagnostic(d, "agent a {\n  default deny\n  permt x\n}\n"),
    [
      "✗ governance.fms:3:3: unexpected `permt`",
      "  2 |   default deny",
      "> 3 |   permt x",
      "    |   ^~~~~",
      "  4 | }",
      "  help: did you mean `permit`? [FMS002]",
    ].join("\n"),
  );
});

test("colour is only there when asked for", () => {
  const text = "permt x";
  const [d] = diagnose(text);
  if (d === undefined) throw new Error("no diagnostic");
  assert.not.match(renderDiagnostic(d, text), /\x1b/);
  assert.match(renderDiagnostic(d, text, { color: true }), /\x1b\[31m/);
});

test("every code of an error or a warning is shown by a case, or by a test of limits, of known tools or of exact reasoning", () => {
  const shown = cases.map((file) => readFileSync(folder + file.replace(/fms$/, "txt"), "utf8")).join("\n");
  const missing = Object.keys(diagnosticCodes).filter(
    (code) =>
      !["FMS004", "FMS070", "FMS080", "FMS081", "FMS082", "FMS083", "FMS084", "FMS085", "FMS086"].includes(code) &&
      !shown.includes(`[${code}]`),
  );
  assert.equal(missing, []);
});

test.run();
