// Whether a question may be asked: exactly one SELECT over the log's views. Judged by the tree that DuckDB's own parser makes of
// it, never by looking for words. What is not known to be harmless is refused.
import { views } from "./views.ts";

/** What is wrong with a question, in words for its author. */
export class QuestionRefused extends Error {
  readonly help: string | undefined;
  constructor(message: string, help?: string) {
    super(message);
    this.help = help;
  }
}

/** Functions that make rows of nothing but their arguments. */
const tableFunctions: ReadonlySet<string> = new Set(["range", "generate_series", "unnest", "json_each", "json_tree"]);

/** Functions that show or change more than rows: settings, variables, the environment, logs, files. */
const refusedFunctions =
  /^(getenv|getvariable|current_setting|write_log|parse_duckdb_log_message|query|query_table|nextval|currval|sql_auto_complete|json_execute_serialized_sql|force_checkpoint|checkpoint|read_.*|parquet_.*|duckdb_.*|pragma_.*|pg_.*|sniff_csv|glob|in_search_path|txid_current|add_parquet_key)$/;

/** Nodes of the tree that are looked at; a question of a person has hundreds. */
const nodesMax = 100_000;
const depthMax = 1_000;

const viewNames: ReadonlySet<string> = new Set(views.map(({ name }) => name));

/** Longest question, in characters. */
export const questionLengthMax = 100_000;

/** `text`: what json_serialize_sql says of the question. Throws QuestionRefused. */
export function judge(text: string): void {
  const said = JSON.parse(text) as Record<string, unknown>;
  if (said.error === true) {
    const message = String(said.error_message);
    if (/only select statements/i.test(message)) {
      throw new QuestionRefused("only a SELECT is run", "the log is never changed by a question");
    }
    throw new QuestionRefused(message);
  }
  const statements: unknown = said.statements;
  const count = Array.isArray(statements) ? statements.length : 0;
  if (count !== 1) {
    throw new QuestionRefused(
      count === 0 ? "there is no question" : `${count} statements stand there: ask one at a time`,
    );
  }
  const tree = new Tree();
  tree.names(statements, 0);
  tree.check(statements, 0);
}

class Tree {
  readonly #named = new Set<string>();
  #nodes = 0;

  /** Collects what WITH names. */
  names(node: unknown, depth: number): void {
    if (++this.#nodes > nodesMax || depth > depthMax) throw new QuestionRefused("the question is too large");
    if (Array.isArray(node)) for (const item of node) this.names(item, depth + 1);
    else if (typeof node === "object" && node !== null) {
      const map: unknown = Reflect.get(node, "cte_map");
      const entries: unknown = typeof map === "object" && map !== null ? Reflect.get(map, "map") : undefined;
      if (Array.isArray(entries)) for (const entry of entries) this.#named.add(textOf(entry, "key").toLowerCase());
      const own: unknown = Reflect.get(node, "cte_name");
      if (typeof own === "string") this.#named.add(own.toLowerCase());
      for (const member of Object.values(node)) this.names(member, depth + 1);
    }
  }

  check(node: unknown, depth: number): void {
    if (depth > depthMax) throw new QuestionRefused("the question is too large");
    if (Array.isArray(node)) {
      for (const item of node) this.check(item, depth + 1);
      return;
    }
    if (typeof node !== "object" || node === null) return;
    const type = textOf(node, "type");
    if (type === "BASE_TABLE") this.#table(node);
    if (type === "TABLE_FUNCTION") tableFunction(Reflect.get(node, "function"));
    if (typeof Reflect.get(node, "function_name") === "string") scalarFunction(textOf(node, "function_name"));
    for (const member of Object.values(node)) this.check(member, depth + 1);
  }

  #table(node: object): void {
    const name = textOf(node, "table_name");
    const isPlain = textOf(node, "schema_name") === "" && textOf(node, "catalog_name") === "";
    if (isPlain && (viewNames.has(name.toLowerCase()) || this.#named.has(name.toLowerCase()))) return;
    throw new QuestionRefused(`there is no table \`${name}\``, `there are: ${[...viewNames].join(", ")}`);
  }
}

function tableFunction(node: unknown): void {
  const name = typeof node === "object" && node !== null ? textOf(node, "function_name").toLowerCase() : "";
  if (tableFunctions.has(name)) return;
  throw new QuestionRefused(
    `the function \`${name}\` may not be asked for rows`,
    `a question reads the log alone: ${[...viewNames].join(", ")}`,
  );
}

function scalarFunction(name: string): void {
  if (refusedFunctions.test(name.toLowerCase())) throw new QuestionRefused(`the function \`${name}\` is not run here`);
}

function textOf(node: object, member: string): string {
  const value: unknown = Reflect.get(node, member);
  return typeof value === "string" ? value : "";
}
