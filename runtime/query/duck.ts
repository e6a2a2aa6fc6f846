// The one place that loads DuckDB: a database in memory over files that are named to it, shut before a question is asked.
// Nothing outside those files can be read, nothing can be written, no setting changed, no extension loaded.
import type { DuckDBConnection, DuckDBValue } from "@duckdb/node-api";
import { hasErrorCode } from "../disk.ts";
import { judge, QuestionRefused, questionLengthMax } from "./question.ts";
import { type Period, periodSql, quoted, storeName } from "./view-sql.ts";

export interface Limits {
  readonly timeoutMs: number;
  readonly memoryBytes: number;
}

export const defaultLimits: Limits = { timeoutMs: 60_000, memoryBytes: 1024 * 1024 * 1024 };

/** DuckDB is not there: it is an optional dependency. */
export class DuckDbMissing extends Error {}

/** The question cannot be answered: its author's fault, too much memory, too much time. */
export class QueryFailed extends Error {
  readonly help: string | undefined;
  constructor(message: string, help?: string) {
    super(message);
    this.help = help;
  }
}

/** A line of the log is no JSON, or a file went away. */
export class LogUnreadable extends Error {}

export interface Answer {
  readonly names: readonly string[];
  /** as DuckDB calls them */
  readonly types: readonly string[];
  /** a chunk of rows at a time; throws QueryFailed or LogUnreadable */
  rows(): AsyncGenerator<readonly (readonly DuckDBValue[])[]>;
}

/** Beside the file there is no other: the name it shall have at the end is the caller's. */
export const parquetForm = "FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false";

type Api = typeof import("@duckdb/node-api");

async function load(): Promise<Api> {
  try {
    return await import("@duckdb/node-api");
  } catch (error) {
    if (!hasErrorCode(error, "ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND") && !isUnsupported(error)) throw error;
    throw new DuckDbMissing("questions need the package `@duckdb/node-api`, which is not installed");
  }
}

/** Its native half is one more package for each platform. */
function isUnsupported(error: unknown): boolean {
  return error instanceof Error && /cannot find module|duckdb\.node|unsupported/i.test(error.message);
}

export class Duck {
  readonly #connection: DuckDBConnection;
  readonly #close: () => void;
  readonly #limits: Limits;
  readonly #guards = new Set<Guard>();

  private constructor(connection: DuckDBConnection, close: () => void, limits: Limits) {
    this.#connection = connection;
    this.#close = close;
    this.#limits = limits;
  }

  /**
   * `paths`: the files that may be read. `made`: statements of ours that make views over them. Throws DuckDbMissing,
   * LogUnreadable.
   */
  static async open(paths: readonly string[], made: readonly string[], limits: Limits): Promise<Duck> {
    const { DuckDBInstance } = await load();
    const instance = await DuckDBInstance.create(":memory:", {
      memory_limit: `${Math.floor(limits.memoryBytes / 1024)}KiB`,
      autoinstall_known_extensions: "false",
      autoload_known_extensions: "false",
      allow_community_extensions: "false",
    });
    const connection = await instance.connect();
    const close = (): void => {
      connection.closeSync();
      instance.closeSync();
    };
    const duck = new Duck(connection, close, limits);
    try {
      // What does not fit in memory is refused; nothing of a log is spilled to another disk.
      await connection.run("SET temp_directory = ''");
      await connection.run("SET TimeZone = 'UTC'");
      await connection.run(`SET allowed_paths = [${paths.map(quoted).join(", ")}]`);
      await connection.run("SET enable_external_access = false");
      await connection.run("SET lock_configuration = true");
      for (const statement of made) await connection.run(statement);
      return duck;
    } catch (error) {
      close();
      throw failureOf(error);
    }
  }

  /** Answers one SELECT over the views. Throws QuestionRefused, QueryFailed, LogUnreadable. */
  async ask(question: string, signal?: AbortSignal): Promise<Answer> {
    await this.#judge(question);
    return this.run(question, signal);
  }

  async #judge(question: string): Promise<void> {
    if (question.length > questionLengthMax) throw new QuestionRefused("the question is too long");
    const parsed = await this.#connection.runAndReadAll(`SELECT json_serialize_sql(${quoted(question)})`);
    judge(String(parsed.getRows()[0]?.[0]));
  }

  /** Runs a statement of ours. */
  async run(statement: string, signal?: AbortSignal): Promise<Answer> {
    const connection = this.#connection;
    const guard = new Guard(connection, this.#limits.timeoutMs, signal);
    this.#guards.add(guard);
    try {
      const result = await connection.stream(statement);
      const rows = async function* (): AsyncGenerator<readonly (readonly DuckDBValue[])[]> {
        try {
          for await (const chunk of result) yield chunk.getRows();
        } catch (error) {
          throw guard.failure(error);
        } finally {
          guard.end();
        }
      };
      return {
        names: result.deduplicatedColumnNames(),
        types: result.columnTypes().map((type) => type.alias ?? type.toString()),
        rows,
      };
    } catch (error) {
      guard.end();
      throw guard.failure(error);
    }
  }

  /** All rows of a statement of ours, which knows that they are few. */
  async rowsOf(statement: string, signal?: AbortSignal): Promise<(readonly DuckDBValue[])[]> {
    const { rows } = await this.run(statement, signal);
    const found: (readonly DuckDBValue[])[] = [];
    for await (const chunk of rows()) found.push(...chunk);
    return found;
  }

  /** Writes the answer of one SELECT to `path` as Parquet, which must be among the paths that were named. Throws as `ask` does. */
  async write(question: string, path: string, signal?: AbortSignal): Promise<void> {
    await this.#judge(question);
    // On a line of its own: the question may end with a comment.
    await this.rowsOf(`COPY (${question.replace(/;\s*$/, "")}\n) TO ${quoted(path)} (${parquetForm})`, signal);
  }

  /** Writes every record of a time with all members that a table has, oldest first. Throws as `run` does. */
  async writeAll(period: Period, path: string, signal?: AbortSignal): Promise<void> {
    const rows = `SELECT * FROM ${storeName} WHERE true${periodSql(period)}`;
    await this.rowsOf(`COPY (${rows}) TO ${quoted(path)} (${parquetForm})`, signal);
  }

  close(): void {
    // An answer whose rows nobody took still has its guard.
    for (const guard of this.#guards) guard.end();
    this.#close();
  }
}

/** Interrupts what takes too long, or is not wanted any more. */
/** How often what shall stop is told so: a word that comes before the work begins is lost. */
const interruptEveryMs = 20;

class Guard {
  #isLate = false;
  #isUnwanted = false;
  #repeat: NodeJS.Timeout | undefined;
  readonly #connection: DuckDBConnection;
  readonly #timeoutMs: number;
  readonly #timer: NodeJS.Timeout;
  readonly #signal: AbortSignal | undefined;
  readonly #stop = (): void => {
    this.#isUnwanted = true;
    this.#interrupt();
  };

  constructor(connection: DuckDBConnection, timeoutMs: number, signal: AbortSignal | undefined) {
    this.#connection = connection;
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
    this.#timer = setTimeout(() => {
      this.#isLate = true;
      this.#interrupt();
    }, timeoutMs);
    // Work under way keeps the process by itself.
    this.#timer.unref();
    signal?.addEventListener("abort", this.#stop, { once: true });
    if (signal?.aborted === true) this.#stop();
  }

  #interrupt(): void {
    this.#connection.interrupt();
    this.#repeat ??= setInterval(() => this.#connection.interrupt(), interruptEveryMs);
  }

  end(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#repeat);
    this.#signal?.removeEventListener("abort", this.#stop);
  }

  failure(error: unknown): unknown {
    if (this.#isLate)
      return new QueryFailed(
        `no answer within ${this.#timeoutMs / 1000} s`,
        "ask for less with --since, or give more time with --timeout",
      );
    if (this.#isUnwanted) return new QueryFailed("interrupted");
    return failureOf(error);
  }
}

function failureOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { message } = error;
  if (
    /^(Invalid Input Error|Invalid Error|Conversion Error).*(malformed JSON|JSON in file)/is.test(message) ||
    /^IO Error/.test(message)
  ) {
    return new LogUnreadable(firstLine(message));
  }
  if (/^Out of Memory/.test(message))
    return new QueryFailed(
      "the answer needs more memory than it may take",
      "ask for less with --since, or give more with --memory",
    );
  if (/^Permission Error/.test(message)) return new QuestionRefused("a question reads the log alone");
  return new QueryFailed(firstLine(message));
}

function firstLine(message: string): string {
  return message.split("\n\n")[0] ?? message;
}
