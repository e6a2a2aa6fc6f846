// docs/queries.md: its tables are those of the code, and its questions are answered.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import * as writer from "../../bench/log-entry.ts";
import { longLog } from "../../bench/long-log.ts";
import { defaultLimits } from "../../runtime/query/duck.ts";
import { openLog } from "../../runtime/query/open-log.ts";
import { views } from "../../runtime/query/views.ts";

const page = fileURLToPath(new URL("../../docs/queries.md", import.meta.url));
const marks = /(<!-- tables: [^\n]*-->\n)[\s\S]*(<!-- end of tables -->)/;

function tables(): string {
  return views
    .map(({ name, says, columns }) => {
      const rows = columns.map((one) => `| \`${one.name}\` | ${one.type} | ${one.says} |`);
      return `\n### ${name}\n\n${says}\n\n| column | type | |\n|---|---|---|\n${rows.join("\n")}\n`;
    })
    .join("");
}

test("the page lists the tables and columns that there are", () => {
  const text = readFileSync(page, "utf8");
  const wanted = text.replace(marks, (_, begin: string, end: string) => `${begin}${tables()}\n${end}`);
  if (process.env.FARAMESH_RENEW === "1") writeFileSync(page, wanted);
  assert.is(readFileSync(page, "utf8"), wanted);
});

const questions = [...readFileSync(page, "utf8").matchAll(/^```sql\n([\s\S]*?)^```$/gm)].map(([, sql = ""]) => sql);

test("the page's questions are answered", async () => {
  const dir = mkdtempSync(join(tmpdir(), "faramesh-test-"));
  try {
    const log = await openLog(await longLog(writer, { dir, records: 300 }), { limits: defaultLimits });
    try {
      assert.ok(questions.length > 5);
      for (const question of questions) {
        const answer = await log.duck.ask(question);
        let rows = 0;
        for await (const chunk of answer.rows()) rows += chunk.length;
        // Nobody resolved an approval in this log.
        assert.ok(rows > 0 || question.includes("waited"), question);
      }
    } finally {
      log.close();
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("each table has the columns and types that the page says", async () => {
  const dir = mkdtempSync(join(tmpdir(), "faramesh-test-"));
  try {
    const log = await openLog(await longLog(writer, { dir, records: 10 }), { limits: defaultLimits });
    for (const { name, columns } of views) {
      const { names, types } = await log.duck.ask(`from ${name} limit 0`);
      assert.equal(
        names,
        columns.map((one) => one.name),
        name,
      );
      assert.equal(
        types,
        columns.map((one) => one.type),
        name,
      );
    }
    log.close();
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test.run();
