// audit query: what is answered, what is refused by the judge and by the lock behind it, and that nothing is left behind.
import { spawn } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import * as writer from "../../bench/log-entry.ts";
import { longLog } from "../../bench/long-log.ts";
import { Duck, defaultLimits, QueryFailed } from "../../runtime/query/duck.ts";
import { openLog } from "../../runtime/query/open-log.ts";
import { QuestionRefused } from "../../runtime/query/question.ts";
import { faramesh, type Outcome, snapshotOf } from "../cli/in-process.ts";
import { onStack } from "../runtime/stack-under-test.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const records = 3_000;
const segmentBytes = 1024 * 1024;

const made = mkdtempSync(join(tmpdir(), "faramesh-test-"));
test.before(async () => {
  await longLog(writer, { dir: made, records, segmentBytes });
});
test.after(() => rmSync(made, { recursive: true }));

async function onLog(work: (dir: string, walDir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "faramesh-test-"));
  try {
    cpSync(made, dir, { recursive: true });
    await work(dir, join(dir, "faramesh-wal"));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

async function rowsOf(dir: string, ...words: string[]): Promise<Record<string, unknown>[]> {
  const { code, stdout, stderr } = await faramesh(dir, "audit", "query", "--format", "json", ...words);
  assert.is(code, 0, stderr);
  return (JSON.parse(stdout) as { rows: Record<string, unknown>[] }).rows;
}

/** Copies lie in the folder for temporary files: the child has one of its own, since other tests ask questions too. */
const copiesIn = (folder: string): string[] => readdirSync(folder).filter((name) => name.startsWith("faramesh-query-"));

test("a question over several segments counts each record once", async () => {
  await onLog(async (dir, walDir) => {
    assert.ok(readdirSync(walDir).filter((name) => name.endsWith(".wal")).length > 2);
    const lines = readdirSync(walDir)
      .filter((name) => name.endsWith(".wal"))
      .map((name) => readFileSync(join(walDir, name), "utf8"))
      .join("")
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { type: string; effect?: string; cost_usd?: number });
    assert.equal(await rowsOf(dir, "select count(*) as n, min(seq) as a, max(seq) as b from records"), [
      { n: lines.length, a: 1, b: lines.length },
    ]);
    const denied = lines.filter(({ effect }) => effect === "deny").length;
    assert.equal(await rowsOf(dir, "select count(*) as n from decisions where effect = 'deny'"), [{ n: denied }]);
    const outcomes = lines.filter(({ type }) => type === "outcome").length;
    assert.equal(await rowsOf(dir, "select count(*) as n from outcomes"), [{ n: outcomes }]);
    const cents = lines.reduce(
      (sum, one) => sum + (one.type === "decision" ? Math.round((one.cost_usd ?? 0) * 1000) : 0),
      0,
    );
    const [spent] = await rowsOf(dir, "select sum(cost_usd) as usd from decisions");
    assert.is(Math.round(Number(spent?.usd) * 1000), cents);
    assert.equal(await rowsOf(dir, "select time, args from decisions order by seq limit 1"), [
      {
        time: "2026-05-01T00:00:00.050000Z",
        args: JSON.parse(JSON.stringify((lines.find(({ type }) => type === "decision") as { args?: unknown }).args)),
      },
    ]);
  });
});

/** What a question may not be. Those behind `locked` are also tried on the database itself, past the judge. */
const refused: readonly string[] = [
  "copy decisions to '/tmp/faramesh-stolen.csv'",
  "copy (select 1) to '/tmp/faramesh-stolen.parquet' (format parquet)",
  "attach '/tmp/faramesh-stolen.db'",
  "install httpfs",
  "load httpfs",
  "pragma show_tables",
  "pragma enable_profiling",
  "set memory_limit = '100GB'",
  "set enable_external_access = true",
  "reset lock_configuration",
  "create table t (a int)",
  "create view decisions2 as select 1",
  "insert into decisions values (1)",
  "update decisions set effect = 'permit'",
  "delete from decisions",
  "drop view decisions",
  "export database '/tmp/faramesh-stolen'",
  "import database '/etc'",
  "call pragma_version()",
  "checkpoint",
  "explain select 1",
  "prepare a as select 1",
  "begin",
  "use main",
  "vacuum",
  "select 1; select 2",
  "select 1; drop view decisions",
  "",
  "  -- nothing",
  "select * from read_text('/etc/passwd')",
  "select * from read_blob('/etc/passwd')",
  "select * from read_csv('/etc/passwd')",
  "select * from read_json('/etc/hosts')",
  "select * from read_parquet('/tmp/x.parquet')",
  "select * from glob('/etc/*')",
  "select * from sniff_csv('/etc/passwd')",
  "from '/etc/passwd'",
  "from 'https://example.com/a.csv'",
  "select * from parquet_schema('/tmp/x.parquet')",
  "select * from query('select 1')",
  "select * from query_table('decisions')",
  "select getenv('HOME')",
  "select current_setting('memory_limit')",
  "select * from duckdb_settings()",
  "select * from duckdb_secrets()",
  "select * from pragma_table_info('decisions')",
  "select * from information_schema.tables",
  "select * from main.sqlite_master",
  "select * from faramesh_records",
  "with a as (select * from read_text('/etc/passwd')) select * from a",
  "select (select content from read_text('/etc/passwd'))",
  "select 1 where exists (from '/etc/passwd')",
  "select * from decisions where tool in (select content from read_text('/etc/passwd'))",
  "select json_execute_serialized_sql(json_serialize_sql('select 1'))",
  "select * from json_execute_serialized_sql(json_serialize_sql('select 1'))",
  "select * from range(3) union all select length(content) from read_text('/etc/passwd')",
  "describe select * from read_csv('/etc/passwd')",
  "select * from decisions as of (select content from read_text('/etc/passwd'))",
];

test("I05 one SELECT over the log's tables is run and nothing else", async () => {
  await onLog(async (dir, walDir) => {
    const before = snapshotOf(dir);
    const log = await openLog(walDir, { limits: defaultLimits });
    for (const sql of refused) {
      const error = await log.duck.ask(sql).then(
        () => null,
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof QuestionRefused, `${sql} → ${String(error)}`);
    }
    log.close();
    for (const sql of ["from '/etc/passwd'", "copy decisions to 'x.csv'", "select 1; select 2"]) {
      const { code, stdout, stderr } = await faramesh(dir, "audit", "query", sql);
      assert.is(code, 1);
      assert.is(stdout, "");
      assert.match(stderr, "✗");
    }
    assert.equal(snapshotOf(dir), before);
  });
});

test("the database is locked behind the judge too", async () => {
  const duck = await Duck.open([], [], defaultLimits);
  for (const sql of [
    "copy (select 1) to '/tmp/faramesh-stolen.csv'",
    "attach '/tmp/faramesh-stolen.db'",
    "install httpfs",
    "load httpfs",
    "set enable_external_access = true",
    "set memory_limit = '100GB'",
    "set allowed_paths = ['/etc/passwd']",
    "reset lock_configuration",
    "set autoinstall_known_extensions = true",
    "export database '/tmp/faramesh-stolen'",
    "select * from read_text('/etc/passwd')",
    "select * from read_csv('/etc/passwd')",
    "select * from glob('/etc/*')",
    "from '/etc/passwd'",
    "from 'https://example.com/a.csv'",
    "select getenv('HOME')",
  ]) {
    const rows = await duck.rowsOf(sql).catch((error: unknown) => error);
    // A pattern that may match nothing finds nothing.
    assert.ok(rows instanceof Error || (Array.isArray(rows) && rows.length === 0), sql);
  }
  duck.close();
});

test("questions of every honest kind are answered", async () => {
  await onLog(async (_dir, walDir) => {
    const log = await openLog(walDir, { limits: defaultLimits });
    for (const sql of [
      "select 1",
      "select 1;",
      "select 1 -- and a comment",
      "describe decisions",
      "summarize approvals",
      "from decisions limit 1",
      "with recursive n(x) as (select 1 union all select x + 1 from n where x < 5) select count(*) from n",
      "with decisions2 as materialized (from decisions) select count(*) from decisions2",
      "select * from range(3)",
      "select unnest([1, 2])",
      "select d.tool, count(*) over (partition by tool) from decisions d qualify row_number() over (order by seq) < 3",
      "select * from Decisions limit 1",
      'select "effect" from "decisions" limit 1',
      "select key from (select args from decisions limit 1), json_each(args)",
      "values (1), (2)",
      "select list(effect order by seq) from decisions where seq < 20",
      "select * from decisions asof join approvals on decisions.agent_id = approvals.agent_id and decisions.seq >= approvals.seq limit 1",
    ]) {
      const answer = await log.duck.ask(sql);
      let rows = 0;
      for await (const chunk of answer.rows()) rows += chunk.length;
      assert.ok(rows > 0, sql);
    }
    log.close();
  });
});

test("A33 a line that is being written, torn or absent never fails a question", async () => {
  await onLog(async (dir, walDir) => {
    const active = join(
      walDir,
      readdirSync(walDir)
        .filter((name) => name.endsWith(".wal"))
        .at(-1) ?? "",
    );
    const whole = readFileSync(active);
    const [{ n }] = (await rowsOf(dir, "select count(*) as n from records")) as [{ n: number }];
    for (const tail of ['{"hash":"', "\0\0\0\0", '{"a":', "x".repeat(200_000)]) {
      writeFileSync(active, Buffer.concat([whole, Buffer.from(tail)]));
      assert.equal(await rowsOf(dir, "select count(*) as n from records"), [{ n }]);
    }
    const lastLine = whole.lastIndexOf("\n", whole.length - 2);
    for (const cut of [whole.length - 1, lastLine + 1, lastLine + 20]) {
      writeFileSync(active, whole.subarray(0, cut));
      assert.equal(await rowsOf(dir, "select count(*) as n from records"), [{ n: n - 1 }], `${cut}`);
    }
    writeFileSync(active, "");
    assert.ok(Number((await rowsOf(dir, "select count(*) as n from records"))[0]?.n) > 0);
  });
});

test("a broken sealed segment ends a question with 5", async () => {
  await onLog(async (dir, walDir) => {
    appendFileSync(join(walDir, "00000001.wal"), "no JSON\n");
    const { code, stderr } = await faramesh(dir, "audit", "query", "select count(*) from decisions");
    assert.is(code, 5);
    assert.match(stderr, "faramesh audit verify");
  });
});

test("A33 a question while the daemon writes, on a copy and on a copy that may not be written", async () => {
  const policy = 'agent "bot" { default deny rules { permit read } }';
  await onStack(policy, async (stack) => {
    let isOver = false;
    const asking = (async () => {
      for (let i = 0; !isOver; i++) await stack.ask("read", { i });
    })();
    let last = 0;
    for (let i = 0; i < 5; i++) {
      const [row] = await rowsOf(stack.dir, "select count(*) as n, max(seq) as last from records");
      assert.is(row?.n, row?.last);
      assert.ok(Number(row?.n) >= last);
      last = Number(row?.n);
    }
    isOver = true;
    await asking;
    const copy = mkdtempSync(join(tmpdir(), "faramesh-test-"));
    cpSync(join(stack.dir, "faramesh-wal"), join(copy, "faramesh-wal"), {
      recursive: true,
      filter: (path) => !path.endsWith("lock"),
    });
    chmodSync(join(copy, "faramesh-wal"), 0o500);
    chmodSync(copy, 0o500);
    const before = snapshotOf(copy);
    assert.ok((await rowsOf(copy, "from decisions")).length > 0);
    assert.equal(snapshotOf(copy), before);
    chmodSync(copy, 0o700);
    chmodSync(join(copy, "faramesh-wal"), 0o700);
    rmSync(copy, { recursive: true });
  });
});

test("a folder's name may hold what patterns and SQL are made of", async () => {
  const dir = join(mkdtempSync(join(tmpdir(), "faramesh-test-")), "it's [a] *folder*? key=1");
  mkdirSync(dir);
  await longLog(writer, { dir, records: 50 });
  assert.is((await rowsOf(dir, "from records")).length, 50 + 1);
  rmSync(join(dir, ".."), { recursive: true });
});

test("B05 --since and --until take what can be read in one way", async () => {
  await onLog(async (dir) => {
    const count = async (...words: string[]) =>
      Number((await rowsOf(dir, "select count(*) as n from records", ...words))[0]?.n);
    const all = await count();
    const middle = "2026-05-01T00:01:00Z";
    const [before, after] = [await count("--until", middle), await count("--since", middle)];
    assert.ok(before > 0 && after > 0);
    assert.is(before + after, all);
    assert.is(
      await count("--since", middle, "--until", "2026-05-01T00:01:00.050001Z"),
      (await count("--since", middle)) - (await count("--since", "2026-05-01T00:01:00.050001Z")),
    );
    assert.is(await count("--until", "1h"), all);
    for (const bad of [
      "yesterday",
      "2026-05-01",
      "2026-05-01T00:01:00",
      "01/02/2026",
      "2026-13-01T00:00:00Z",
      "24",
      "-1h",
      "2026-05-01T00:01:00+02:00",
    ]) {
      for (const option of ["--since", "--until"]) {
        const { code, stderr } = await faramesh(dir, "audit", "query", option, bad, "select 1");
        assert.is(code, 64, bad);
        assert.match(stderr, option);
      }
    }
    assert.is((await faramesh(dir, "audit", "query", "--since", middle, "--until", middle, "select 1")).code, 64);
  });
});

const hostile = "say\u001b]52;c;aGk=\u0007\u202ehi\nDENY forged";

async function onHostile(work: (dir: string) => Promise<void>): Promise<void> {
  await onStack('agent "bot" { default deny rules { permit read } }', async (stack) => {
    await stack.ask("read", { cell: "=1+1", text: hostile, long: "x".repeat(5_000) });
    await work(stack.dir);
  });
}

test("I01 I07 a table shows no control character, and cuts what is wide with a mark", async () => {
  await onHostile(async (dir) => {
    const { stdout } = await faramesh(
      dir,
      "audit",
      "query",
      "select (args->>'text') as t, (args->>'long') as l from decisions",
    );
    assert.not.match(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    assert.match(stdout, "say\\u001b");
    assert.match(stdout, /x{59}…/);
    assert.ok(stdout.split("\n").every((line) => [...line].length < 200));
    const many = await faramesh(dir, "audit", "query", "select * from range(5000)");
    assert.ok(many.stdout.split("\n").length < 1_010);
    assert.match(many.stdout, "… more rows: ask for fewer");
  });
});

test("I03 CSV is neutral and reversible, JSON whole", async () => {
  await onHostile(async (dir) => {
    const sql = "select (args->>'cell') as c, (args->>'text') as t, null as n from decisions";
    const { stdout } = await faramesh(dir, "audit", "query", "--format", "csv", sql);
    assert.is(stdout, `c,t,n\r\n'=1+1,"${hostile}",\r\n`);
    assert.equal(await rowsOf(dir, sql), [{ c: "=1+1", t: hostile, n: null }]);
    const exact =
      "select 9007199254740993 as big, 0.1::decimal(9,4) as money, 'nan'::double as nan, [1, 2] as list, {a: 1} as pair, '{\"a\":1.50}'::json as j";
    const text = (await faramesh(dir, "audit", "query", "--format", "json", exact)).stdout;
    assert.match(
      text,
      '{"big":9007199254740993,"money":0.1000,"nan":"NaN","list":[1,2],"pair":{"a":1},"j":{"a":1.50}}',
    );
  });
});

test("parquet goes into a new file of ours alone, and is read back", async () => {
  await onLog(async (dir) => {
    const ask = (...words: string[]): Promise<Outcome> =>
      faramesh(dir, "audit", "query", "--format", "parquet", ...words);
    assert.is((await ask("--out", "calls.parquet", "select seq, tool from decisions -- all of them")).code, 0);
    assert.is(statSync(join(dir, "calls.parquet")).mode & 0o777, 0o600);
    assert.is(readFileSync(join(dir, "calls.parquet")).subarray(0, 4).toString(), "PAR1");
    const again = await ask("--out", "calls.parquet", "select 1");
    assert.is(again.code, 1);
    assert.match(again.stderr, "exists already");
    assert.is((await ask("select 1")).code, 64);
    assert.is((await ask("--out", "other.parquet", "copy decisions to 'x'")).code, 1);
    assert.equal(
      readdirSync(dir).filter((name) => name.includes("parquet")),
      ["calls.parquet"],
    );
  });
});

test("an exported file beside the log counts no record twice", async () => {
  await onLog(async (dir, walDir) => {
    const [{ n, last }] = (await rowsOf(dir, "select count(*) as n, max(seq) as last from records")) as [
      { n: number; last: number },
    ];
    const { log_id } = JSON.parse(readFileSync(join(walDir, "log.json"), "utf8")) as { log_id: string };
    mkdirSync(join(dir, "archive"));
    const name = `${log_id.slice(0, 8)}-${"1".padStart(12, "0")}-${String(last).padStart(12, "0")}.parquet`;
    const out = join("archive", name);
    assert.is((await faramesh(dir, "audit", "export", "--format", "parquet", "--out", out)).code, 0);
    assert.is((await faramesh(dir, "audit", "export", "--format", "parquet", "--out", out)).code, 1);
    assert.is((await faramesh(dir, "audit", "export", "--format", "parquet")).code, 64);
    const all = "select count(*) as n, count(distinct seq) as d, sum(latency_us) as us from decisions";
    const before = await rowsOf(dir, all);
    assert.equal(await rowsOf(dir, "--archive", "archive", all), before);
    assert.equal(await rowsOf(dir, "--archive", "archive", "select count(*) as n from records"), [{ n }]);
  });
});

test("an answer that takes too long or too much is given up", async () => {
  await onLog(async (dir, walDir) => {
    const endless = "select count(*) from range(1000000) a, range(1000000) b where a.range + b.range = 7";
    const { code, stderr } = await faramesh(dir, "audit", "query", "--timeout", "200ms", endless);
    assert.is(code, 1);
    assert.match(stderr, "no answer within 0.2 s");
    const log = await openLog(walDir, { limits: { timeoutMs: 60_000, memoryBytes: 64 * 1024 * 1024 } });
    const large = log.duck
      .ask("select length(string_agg(repeat('x', 1000), '')) from range(1000000)")
      .then(async (answer) => {
        for await (const _ of answer.rows());
      });
    const error = await large.catch((reason: unknown) => reason);
    assert.ok(error instanceof QueryFailed, String(error));
    assert.match(String((error as Error).message), "memory");
    log.close();
    for (const words of [
      ["--timeout", "soon"],
      ["--timeout", "2d"],
      ["--memory", "lots"],
    ]) {
      assert.is((await faramesh(dir, "audit", "query", ...words, "select 1")).code, 64);
    }
  });
});

/** The command as a process of its own. */
function started(dir: string, temporary: string, ...words: string[]) {
  const args = ["--import", "tsx", "cli/main.ts", "audit", "query", "--dir", dir, ...words];
  return spawn(process.execPath, args, {
    cwd: root,
    env: { PATH: process.env.PATH, TMPDIR: temporary },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

test("I08 a reader that goes away ends it quietly", async () => {
  await onLog(async (dir) => {
    const child = started(dir, tmpdir(), "--format", "csv", "select range, repeat('x', 100) from range(10000000)");
    let said = "";
    child.stderr.on("data", (text) => (said += String(text)));
    child.stdout.once("data", () => child.stdout.destroy());
    const code = await new Promise((resolve) => child.once("close", resolve));
    assert.equal([code, said], [0, ""]);
  });
});

test("the copy of the active segment is private and goes, also with a signal", async () => {
  await onLog(async (dir) => {
    const temporary = mkdtempSync(join(tmpdir(), "faramesh-test-"));
    try {
      for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
        const question = "select count(*) from range(1000000) a, range(1000000) b where a.range + b.range = 7";
        const child = started(dir, temporary, question);
        while (copiesIn(temporary).length === 0 && child.exitCode === null)
          await new Promise((resolve) => setTimeout(resolve, 5));
        const [copy = ""] = copiesIn(temporary);
        assert.is(statSync(join(temporary, copy)).mode & 0o777, 0o700);
        child.kill(signal);
        await new Promise((resolve) => child.once("close", resolve));
        assert.equal(copiesIn(temporary), [], signal);
      }
    } finally {
      rmSync(temporary, { recursive: true });
    }
  });
});

test.run();
