// Sends spans of decisions to an OTLP/HTTP collector, where the environment names one. It holds a bounded number, drops what does not
// fit, and must never make a decision wait, or change one.
import { randomBytes } from "node:crypto";
import type { Logger } from "pino";
import { batchOf, type Decided, parentOf, spanOf } from "./span.ts";

export interface ExporterSettings {
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
}

type Environment = { readonly [name: string]: string | undefined };

export const queuedSpansMax = 4096;
const batchSpansMax = 512;
const intervalMs = 1000;
const requestMs = 5000;
/** Batches that fail so often in a row are dropped. */
const triesMax = 5;
const closingMs = 1000;
const complaintEvery = 1000;

/** By OpenTelemetry's own variables; null where none names a collector. */
export function exporterSettings(env: Environment): ExporterSettings | null {
  const base = env.OTEL_EXPORTER_OTLP_ENDPOINT;
  const endpoint = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || (base ? `${base.replace(/\/+$/, "")}/v1/traces` : "");
  if (endpoint === "" || env.OTEL_SDK_DISABLED === "true" || !/^https?:\/\//.test(endpoint)) return null;
  const list = env.OTEL_EXPORTER_OTLP_TRACES_HEADERS || env.OTEL_EXPORTER_OTLP_HEADERS || "";
  return { endpoint, headers: headersOf(list), serviceName: env.OTEL_SERVICE_NAME || "faramesh" };
}

/** `name=value,name=value`, values percent-encoded. */
function headersOf(list: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const item of list.split(",")) {
    const [, name = "", value = ""] = /^\s*([A-Za-z0-9-]+)\s*=\s*(.*?)\s*$/.exec(item) ?? [];
    if (name === "") continue;
    try {
      headers[name] = decodeURIComponent(value);
    } catch {
      headers[name] = value;
    }
  }
  return headers;
}

export class SpanExporter {
  readonly #settings: ExporterSettings;
  readonly #journal: Logger;
  readonly #queue: object[] = [];
  readonly #timer: NodeJS.Timeout;
  #sending: Promise<void> | null = null;
  #failures = 0;
  /** Spans that found no room, or whose batch was given up. */
  dropped = 0;

  constructor(settings: ExporterSettings, journal: Logger) {
    this.#settings = settings;
    this.#journal = journal;
    this.#timer = setInterval(() => this.#start(), intervalMs);
    this.#timer.unref();
  }

  get queued(): number {
    return this.#queue.length;
  }

  /** Never throws, never waits. */
  take(decided: Decided): void {
    const parent = decided.traceparent === null ? null : parentOf(decided.traceparent);
    if (parent?.isSampled === false) return;
    if (this.#queue.length >= queuedSpansMax) {
      this.#drop(1, "the queue is full");
      return;
    }
    const ids = { traceId: randomBytes(16).toString("hex"), spanId: randomBytes(8).toString("hex") };
    this.#queue.push(spanOf(decided, parent, ids));
    if (this.#queue.length >= batchSpansMax && this.#failures === 0) this.#start();
  }

  /** Sends what is there, for a moment; then it is lost. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const late = new Promise<void>((resolve) => setTimeout(resolve, closingMs).unref());
    await Promise.race([this.#flush(), late]);
  }

  async #flush(): Promise<void> {
    await this.#sending;
    while (this.#queue.length > 0 && this.#failures === 0) {
      this.#start();
      await this.#sending;
    }
  }

  #start(): void {
    if (this.#sending !== null || this.#queue.length === 0) return;
    this.#sending = this.#send().finally(() => {
      this.#sending = null;
    });
  }

  /** One batch; it leaves the queue when it was taken, or has failed too often. */
  async #send(): Promise<void> {
    const batch = this.#queue.slice(0, batchSpansMax);
    const why = await this.#post(batchOf(batch, this.#settings.serviceName));
    if (why === null) {
      this.#failures = 0;
      this.#queue.splice(0, batch.length);
      return;
    }
    this.#failures += 1;
    if (this.#failures < triesMax) return;
    this.#failures = 0;
    this.#queue.splice(0, batch.length);
    this.#drop(batch.length, why);
  }

  /** Null when the collector took it. */
  async #post(body: string): Promise<string | null> {
    try {
      const response = await fetch(this.#settings.endpoint, {
        method: "POST",
        headers: { ...this.#settings.headers, "content-type": "application/json" },
        body,
        redirect: "manual",
        signal: AbortSignal.timeout(requestMs),
      });
      await response.body?.cancel();
      return response.ok ? null : `the collector answered ${response.status}`;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  #drop(count: number, why: string): void {
    const before = this.dropped;
    this.dropped += count;
    const isNews = before === 0 || Math.floor(before / complaintEvery) < Math.floor(this.dropped / complaintEvery);
    if (isNews) this.#journal.warn({ dropped: this.dropped, why }, "spans were dropped");
  }
}
