// The views as SQL over files of the log and archives of it. Texts alone: it opens nothing and runs nothing.
import { type Column, memberOf, storedMembers, type View, views } from "./views.ts";

/** Where the rows come from. */
export interface Sources {
  /** lines of JSON */
  readonly segments: readonly SegmentSource[];
  /** Parquet, in the order of their records */
  readonly archives: readonly ArchiveSource[];
}

export interface SegmentSource {
  readonly path: string;
}

export interface ArchiveSource {
  readonly path: string;
  /** rows of other records are left out: they stand elsewhere */
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** Rows asked for: RFC 3339 with microseconds, from and before. */
export interface Period {
  readonly since?: string | undefined;
  readonly until?: string | undefined;
}

/** The table of all members, which no question may name. */
export const storeName = "faramesh_records";

/** An object of the file larger than this is none of ours: a line has less. */
const objectLimitBytes = 128 * 1024;

export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** The statement that makes the table of all members. `extra`: further columns that archives have. */
export function storeSql({ segments, archives }: Sources): string {
  const members = [...storedMembers()];
  const parts: string[] = [];
  if (segments.length > 0) {
    const columns = members.map(([name, type]) => `${identifier(name)}: ${quoted(type)}`).join(", ");
    const files = segments.map(({ path }) => quoted(path)).join(", ");
    parts.push(
      `SELECT * FROM read_json([${files}], columns = {${columns}}, format = 'newline_delimited', ` +
        `compression = 'uncompressed', hive_partitioning = false, maximum_object_size = ${objectLimitBytes})`,
    );
  }
  const names = members.map(([name]) => identifier(name)).join(", ");
  for (const { path, firstSeq, lastSeq } of archives) {
    parts.push(
      `SELECT ${names} FROM read_parquet(${quoted(path)}, hive_partitioning = false) WHERE seq BETWEEN ${firstSeq} AND ${lastSeq}`,
    );
  }
  if (parts.length === 0) {
    const none = members.map(([name, type]) => `CAST(NULL AS ${type}) AS ${identifier(name)}`).join(", ");
    parts.push(`SELECT ${none} WHERE false`);
  }
  return `CREATE VIEW ${storeName} AS ${parts.join(" UNION ALL ")}`;
}

/** The statement that copies a segment into a Parquet file: all members that a table has, and `line`, the bytes as they stand. */
export function archiveSql(segment: string, target: string): string {
  const form = JSON.stringify(Object.fromEntries(storedMembers()));
  const lines = `read_ndjson_objects([${quoted(segment)}], compression = 'uncompressed', maximum_object_size = ${objectLimitBytes})`;
  const rows = `SELECT t.*, line FROM (SELECT json_transform(json, ${quoted(form)}) AS t, CAST(json AS VARCHAR) AS line FROM ${lines})`;
  return `COPY (${rows}) TO ${quoted(target)} (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)`;
}

/** The statements that make the views over it. */
export function viewSqls(period: Period): string[] {
  return views.map((view) => viewSql(view, period));
}

/** Further conditions on rows of the store. */
export function periodSql({ since, until }: Period): string {
  // Times of one form sort as texts; turning them first would cost more than all the rest.
  const from = since === undefined ? "" : ` AND "time" >= ${quoted(since)}`;
  return from + (until === undefined ? "" : ` AND "time" < ${quoted(until)}`);
}

function viewSql(view: View, period: Period): string {
  const where = ` WHERE ${view.type === null ? "true" : `"type" = ${quoted(view.type)}`}${periodSql(period)}`;
  return `CREATE VIEW ${view.name} AS SELECT ${view.columns.map(columnSql).join(", ")} FROM ${storeName}${where}`;
}

function columnSql(column: Column): string {
  const member = identifier(memberOf(column));
  const name = identifier(column.name);
  if (column.type === "TIMESTAMP") return `CAST(${member} AS TIMESTAMP) AS ${name}`;
  // What a caller said of a cost may be no number.
  if (column.type === "DECIMAL(18,6)") return `TRY_CAST(${member} AS DECIMAL(18,6)) AS ${name}`;
  return member === name ? name : `${member} AS ${name}`;
}
