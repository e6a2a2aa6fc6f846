// How long does it take to ask a long log, a million records as it stands in its files: its statistics, a question in SQL, and its
// verification beside sha256sum of the same files? DuckDB reads the lines; nothing is kept between two answers but the open log.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { logOf } from "../bundle.ts";
import { longLog } from "../long-log.ts";
import type { Question } from "../question.ts";
import type { Figure } from "../row.ts";
import { median } from "../timing.ts";

const RECORDS = 1_000_000;
const RECORDS_SHORT = 20_000;
const sql = "SELECT tool, effect, count(*) AS n FROM decisions GROUP BY ALL ORDER BY n DESC";
const limits = { timeoutMs: 60_000, memoryBytes: 1024 * 1024 * 1024 };

export const question: Question = {
  asks: "statistics, a question in SQL and verification of a log of a million records",
  async measure({ short, bundles }) {
    const dir = mkdtempSync(join(tmpdir(), "faramesh-bench-"));
    try {
      const writer = await logOf(bundles);
      const records = short ? RECORDS_SHORT : RECORDS;
      const walDir = await longLog(writer, { dir, records });
      const segments = readdirSync(walDir)
        .filter((name) => name.endsWith(".wal"))
        .map((name) => join(walDir, name));
      const times: Record<"stats" | "query" | "verify" | "sum", number[]> = {
        stats: [],
        query: [],
        verify: [],
        sum: [],
      };
      for (let round = 0; round < 3; round++) {
        times.stats.push(await timed(async () => await stats(writer, walDir)));
        times.query.push(await timed(async () => await ask(writer, walDir)));
        times.sum.push(await timed(async () => execFileSync("sha256sum", segments, { stdio: "ignore" })));
        times.verify.push(
          await timed(async () => {
            if (!(await writer.verifyLog(walDir)).ok) throw new Error("the log does not verify");
          }),
        );
      }
      return figures(times, short);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  },
};

/** What a short log takes says little of a long one: there the bounds are left out. */
function figures(times: Readonly<Record<"stats" | "query" | "verify" | "sum", number[]>>, short: boolean): Figure[] {
  const bound = (must: number, goal: number): Pick<Figure, "atMost"> => (short ? {} : { atMost: { must, goal } });
  const [verify, sum] = [median(times.verify), median(times.sum)];
  return [
    { id: "audit.stats", value: median(times.stats), unit: "s", ...bound(1, 0.3) },
    { id: "audit.query", value: median(times.query), unit: "s", ...bound(1, 0.3) },
    { id: "audit.verify", value: verify, unit: "s" },
    { id: "audit.sha256sum", value: sum, unit: "s" },
    { id: "audit.verify-over-sha256sum", value: verify / sum, unit: "x", ...bound(4, 2) },
  ];
}

type Writer = Awaited<ReturnType<typeof logOf>>;

async function stats({ openLog, statistics }: Writer, walDir: string): Promise<void> {
  const { duck, close } = await openLog(walDir, { limits });
  try {
    if ((await statistics(duck, {})).decisions === 0) throw new Error("there are no decisions");
  } finally {
    close();
  }
}

async function ask({ openLog }: Writer, walDir: string): Promise<void> {
  const { duck, close } = await openLog(walDir, { limits });
  try {
    let rows = 0;
    for await (const chunk of (await duck.ask(sql)).rows()) rows += chunk.length;
    if (rows === 0) throw new Error("there is no answer");
  } finally {
    close();
  }
}

/** In seconds. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}
