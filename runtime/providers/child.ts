// The kind `process`: a provider of one's own as a child process that reads questions and writes answers, one JSON object a line. It gets
// its settings on its standard input, never by its arguments or its environment; what it says on standard error is not kept.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { JsonNumber } from "../evaluator/number.ts";
import type { Environment } from "../fixed-settings.ts";
import { type Json, type JsonObject, parseJson } from "../json.ts";
import { priceIn } from "./price.ts";
import {
  type Ability,
  abilities,
  type Emitted,
  type Provider,
  ProviderFailure,
  type QuoteRequest,
  type Secret,
  type SecretRequest,
} from "./provider.ts";
import type { Settings } from "./settings.ts";

/** Longest line of a child. */
export const lineLimitBytes = 64 * 1024;
/** Questions that a child may have open at once. */
export const openQuestionsMax = 64;
/** Between the wish to end and the end: asked, told, killed. */
const endingStepMs = 500;
const depthMax = 16;
const secretNamesMax = 64;
/** What a child inherits: nothing that could hold a secret. */
const inherited = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"] as const;

interface Waiting {
  readonly resolve: (value: Json) => void;
  readonly reject: (error: ProviderFailure) => void;
}

export interface ChildPlace {
  readonly dir: string;
  readonly env: Environment;
  /** The child ended although nobody asked it to. */
  readonly onGone: () => void;
}

export class ChildProvider implements Provider {
  abilities: readonly Ability[] = [];
  readonly #settings: Settings;
  readonly #place: ChildPlace;
  readonly #waiting = new Map<number, Waiting>();
  #child: ChildProcessWithoutNullStreams | null = null;
  #rest = Buffer.alloc(0);
  #lastId = 0;
  #isEnding = false;

  constructor(settings: Settings, place: ChildPlace) {
    this.#settings = settings;
    this.#place = place;
  }

  async init(): Promise<void> {
    const [program, ...words] = this.#settings.list("command");
    if (program === undefined) throw new ProviderFailure("SETTINGS", "`command` is missing");
    const { dir: cwd, env } = this.#place;
    const kept = inherited.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const]));
    const child = spawn(program, words, { cwd, env: Object.fromEntries(kept), stdio: "pipe" });
    this.#child = child;
    child.stdout.on("data", (chunk: Buffer) => this.#take(chunk));
    child.stderr.resume();
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on("error", () => {});
    child.on("error", () => this.#gone("its program cannot be started"));
    child.on("close", () => this.#gone("its process has ended"));
    const names = this.#settings.names().filter((name) => name !== "command");
    const settings = Object.fromEntries(names.map((name) => [name, this.#settings.text(name)]));
    const value = await this.#ask("init", { settings });
    const can = isObject(value) && Array.isArray(value.abilities) ? value.abilities : [];
    this.abilities = abilities.filter((ability) => can.includes(ability));
  }

  async probe(): Promise<void> {
    await this.#ask("probe", {});
  }

  async getSecret({ path, agentId, toolId, ttlSeconds }: SecretRequest): Promise<Secret> {
    const request = { path, agent_id: agentId, tool_id: toolId, ttl_seconds: ttlSeconds };
    return secretOf(await this.#ask("getSecret", { request }));
  }

  async quote({ agent_id, tool_id }: QuoteRequest): Promise<number | null> {
    return priceIn(await this.#ask("quote", { request: { agent_id, tool_id } }));
  }

  async emit(batch: readonly Emitted[]): Promise<void> {
    await this.#ask("emit", { records: [...batch] });
  }

  async attest(evidence: string): Promise<string> {
    const value = await this.#ask("attest", { evidence });
    if (isObject(value) && typeof value.agent_id === "string") return value.agent_id;
    throw new ProviderFailure("BAD_ANSWER", "its answer names no agent");
  }

  async sign(bytes: Uint8Array): Promise<Uint8Array> {
    const value = await this.#ask("sign", { bytes: Buffer.from(bytes).toString("base64") });
    if (isObject(value) && typeof value.signature === "string") return Buffer.from(value.signature, "base64");
    throw new ProviderFailure("BAD_ANSWER", "its answer holds no signature");
  }

  async shutdown(): Promise<void> {
    this.#isEnding = true;
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
    if (child.stdin.writable) child.stdin.end(`${JSON.stringify({ id: 0, op: "shutdown" })}\n`);
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      if (await isDoneWithin(ended, endingStepMs)) return;
      child.kill(signal);
    }
    await isDoneWithin(ended, endingStepMs);
  }

  #ask(op: string, more: JsonObject): Promise<Json> {
    const child = this.#child;
    if (child === null || this.#isEnding || !child.stdin.writable)
      return Promise.reject(new ProviderFailure("GONE", "its process has ended"));
    if (this.#waiting.size >= openQuestionsMax)
      return Promise.reject(new ProviderFailure("BUSY", `${openQuestionsMax} questions are open`));
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      child.stdin.write(`${JSON.stringify({ id, op, ...more })}\n`);
    });
  }

  /** Lines of what came. A child that leaves many questions open fails its next probe, and is replaced. */
  #take(chunk: Buffer): void {
    let rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const isFine = end <= lineLimitBytes && this.#answer(rest.subarray(0, end));
      rest = rest.subarray(end + 1);
      if (!isFine) {
        this.#end();
        return;
      }
    }
    // A copy: what was delivered must not be held by what is left of it.
    this.#rest = Buffer.from(rest);
    if (rest.length > lineLimitBytes) this.#end();
  }

  /** False for what is no answer. */
  #answer(line: Buffer): boolean {
    const parsed = parseJson(line, { sizeBytes: lineLimitBytes, depth: depthMax });
    if (!parsed.ok || !isObject(parsed.value)) return false;
    const { ok, value, code } = parsed.value;
    const id = Number(String(parsed.value.id ?? ""));
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return id > 0 && id <= this.#lastId;
    this.#waiting.delete(id);
    if (ok === true) waiting.resolve(value ?? null);
    else waiting.reject(new ProviderFailure(code === "not_found" ? "NOT_FOUND" : "REFUSED", refusalOf(code)));
    return true;
  }

  #end(): void {
    this.#rest = Buffer.alloc(0);
    this.#fail(new ProviderFailure("BAD_ANSWER", "it wrote something that is no answer"));
    this.#child?.kill("SIGKILL");
  }

  #gone(why: string): void {
    this.#fail(new ProviderFailure("GONE", why));
    if (!this.#isEnding) this.#place.onGone();
    this.#isEnding = true;
  }

  #fail(why: ProviderFailure): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(why);
  }
}

/** Its words may hold a value; one short word of a kind is all that is shown. */
function refusalOf(code: Json | undefined): string {
  return typeof code === "string" && /^[a-z][a-z_]{0,31}$/.test(code) ? `it refused: ${code}` : "it refused";
}

function secretOf(value: Json): Secret {
  const values = isObject(value) ? (value.values ?? null) : null;
  const entries = isObject(values) ? Object.entries(values) : [];
  const isFine = entries.every(([, text]) => typeof text === "string");
  if (!isFine || entries.length === 0 || entries.length > secretNamesMax)
    throw new ProviderFailure("BAD_ANSWER", "its answer holds no secret");
  const lease = isObject(value) ? Number(String(value.lease_seconds ?? "none")) : Number.NaN;
  return { values: Object.fromEntries(entries) as Record<string, string>, leaseSeconds: lease > 0 ? lease : null };
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber);
}

function isDoneWithin(ended: Promise<void>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  return Promise.race([ended.then(() => true as const), late]).finally(() => clearTimeout(timer));
}
