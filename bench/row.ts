// A row of the bench's table: one figure, what it must be and what it should be. It judges a figure and measures nothing.

export interface Row {
  /** Dotted: the question's name, then what was measured. */
  readonly id: string;
  readonly value: number;
  /** "ns", "ms", "x" (a ratio), "KB", "B". */
  readonly unit: string;
  /** Null where the figure is there for comparison only. */
  readonly must: number | null;
  readonly goal: number | null;
  readonly ok: boolean;
}

/** What a question hands back, before it is judged. */
export interface Figure {
  readonly id: string;
  readonly value: number;
  readonly unit: string;
  /** Smaller is better: the figure is at most `must`. */
  readonly atMost?: { readonly must: number; readonly goal: number };
  /** Larger is better: the figure is at least `must`. */
  readonly atLeast?: { readonly must: number; readonly goal: number };
}

export function judged({ id, value, unit, atMost, atLeast }: Figure): Row {
  if (!Number.isFinite(value)) throw new Error(`${id} has no value`);
  const bound = atMost ?? atLeast ?? null;
  const ok = (atMost === undefined || value <= atMost.must) && (atLeast === undefined || value >= atLeast.must);
  return { id, value, unit, must: bound?.must ?? null, goal: bound?.goal ?? null, ok };
}

/** Three significant digits, never in exponents. */
export function printed(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
}

/** The table that people read. */
export function table(rows: readonly Row[]): string {
  const lines = rows.map((row) => [
    row.id,
    `${printed(row.value)} ${row.unit}`,
    row.must === null ? "" : String(row.must),
    row.goal === null ? "" : String(row.goal),
    row.must === null ? "" : row.ok ? "ok" : "missed",
  ]);
  const all = [["what", "measured", "must", "goal", ""], ...lines];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...all.map((line) => line[column]?.length ?? 0)));
  const pad = (text: string, column: number): string =>
    column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0);
  return `${all.map((line) => line.map(pad).join("  ").trimEnd()).join("\n")}\n`;
}
