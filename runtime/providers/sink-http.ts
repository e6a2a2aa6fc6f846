// Kinds that take records of the log over HTTP, each in its receiver's form: a webhook, Splunk's HTTP Event Collector, Elasticsearch's bulk
// API, Datadog's log intake, OpenTelemetry's OTLP/HTTP in JSON. A batch is taken whole or not at all.
import { createHmac } from "node:crypto";
import { resolve } from "node:path";
import { canonicalJson, type Json, type JsonObject, parseJson } from "../json.ts";
import { askJson } from "../outgoing/ask-json.ts";
import { plainly, wayTo, within } from "../outgoing/checked.ts";
import { post } from "../outgoing/post.ts";
import { certificates } from "./certificates.ts";
import { ocsfOf } from "./ocsf.ts";
import { type Emitted, type Provider, ProviderFailure } from "./provider.ts";
import type { SettingShapes, Settings } from "./settings.ts";

const sendTimeoutMs = 20_000;
const probeTimeoutMs = 1500;
const answerLimitBytes = 1024 * 1024;

/** What every sink over the network may be told. */
export const sharedSettings: SettingShapes = {
  types: { holds: "list" },
  form: { holds: "text", choices: ["record", "ocsf"] },
  from: { holds: "text", choices: ["start", "now"] },
  ca_file: { holds: "text" },
  allow_private: { holds: "bool" },
};

const common: SettingShapes = { url: { holds: "text", required: true }, token: { holds: "text" }, ...sharedSettings };

export type SinkKind = "sink-webhook" | "sink-splunk" | "sink-elastic" | "sink-datadog" | "sink-otel";

export const sinkSettings: Readonly<Record<SinkKind, SettingShapes>> = {
  "sink-webhook": { ...common, secret: { holds: "text" } },
  "sink-splunk": { ...common, token: { holds: "text", required: true }, index: { holds: "text" } },
  "sink-elastic": { ...common, index: { holds: "text", required: true } },
  "sink-datadog": { ...common, token: { holds: "text", required: true } },
  "sink-otel": common,
};

export interface SinkPlace {
  readonly dir: string;
  readonly allowPrivate: boolean;
  /** Seconds since 1970, for what is signed. */
  readonly nowSeconds: () => number;
}

interface Shipment {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface Shipped {
  readonly record: JsonObject;
  /** As the settings want it. */
  readonly form: JsonObject;
}

export class HttpSink implements Provider {
  readonly abilities = ["emit"] as const;
  readonly #kind: SinkKind;
  readonly #settings: Settings;
  readonly #place: SinkPlace;
  #ca: string | undefined;

  constructor(kind: SinkKind, settings: Settings, place: SinkPlace) {
    this.#kind = kind;
    this.#settings = settings;
    this.#place = place;
  }

  async init(): Promise<void> {
    if (!URL.canParse(this.#settings.given("url"))) throw new ProviderFailure("SETTINGS", "`url` is no address");
    const file = this.#settings.text("ca_file");
    if (file !== null) this.#ca = certificates(resolve(this.#place.dir, file));
  }

  /** Its address may be gone to. Whether it takes records is seen when there are some. */
  async probe(): Promise<void> {
    const way = await within(probeTimeoutMs, () => wayTo(this.#settings.given("url"), this.#isPrivateFine)).catch(
      plainly,
    );
    if (typeof way === "string") throw new ProviderFailure("UNREACHABLE", way);
  }

  async shutdown(): Promise<void> {}

  async emit(batch: readonly Emitted[]): Promise<void> {
    const types = this.#settings.list("types");
    const isOcsf = this.#settings.text("form") === "ocsf";
    const shipped = batch.flatMap((line): Shipped[] => {
      const parsed = parseJson(Buffer.from(line));
      if (!parsed.ok) return [];
      const record = parsed.value as JsonObject;
      if (types.length > 0 && !types.includes(String(record.type))) return [];
      return [{ record, form: isOcsf ? ocsfOf(record) : record }];
    });
    if (shipped.length === 0) return;
    const shipment = this.#shipment(shipped);
    const ca = this.#ca === undefined ? {} : { ca: this.#ca };
    const what = { ...shipment, ...ca, allowPrivate: this.#isPrivateFine };
    if (this.#kind !== "sink-elastic") {
      const why = await post(what, sendTimeoutMs);
      if (why !== null) throw new ProviderFailure("REFUSED", why);
      return;
    }
    // Its status is 200 though items were refused.
    const bounds = { sizeMaxBytes: answerLimitBytes, timeoutMs: sendTimeoutMs };
    const answer = await askJson({ ...what, ...bounds, method: "POST" });
    if (!answer.ok) throw new ProviderFailure("REFUSED", answer.why);
    if (Reflect.get(Object(answer.value), "errors") !== false)
      throw new ProviderFailure("REFUSED", "records were refused by the index");
  }

  get #isPrivateFine(): boolean {
    return this.#place.allowPrivate || this.#settings.isOn("allow_private");
  }

  #shipment(shipped: readonly Shipped[]): Shipment {
    const url = this.#settings.given("url");
    const token = this.#settings.text("token");
    const bearer: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
    const json = { "content-type": "application/json" };
    switch (this.#kind) {
      case "sink-webhook": {
        const body = canonicalJson({ records: shipped.map(({ form }) => form) });
        return { url, headers: { ...json, ...bearer, ...this.#signature(body) }, body };
      }
      case "sink-splunk":
        return {
          url: below(url, "/services/collector/event"),
          headers: { ...json, authorization: `Splunk ${token}` },
          body: shipped.map((one) => canonicalJson(this.#splunk(one))).join("\n"),
        };
      case "sink-elastic": {
        const index = this.#settings.given("index");
        const lines = shipped.map(({ record, form }) => {
          // The same record again is the same document.
          return `${canonicalJson({ index: { _id: String(record.hash) } })}\n${canonicalJson(form)}\n`;
        });
        const key: Record<string, string> = token === null ? {} : { authorization: `ApiKey ${token}` };
        return {
          url: below(url, `/${encodeURIComponent(index)}/_bulk?filter_path=errors`),
          headers: { "content-type": "application/x-ndjson", ...key },
          body: lines.join(""),
        };
      }
      case "sink-datadog":
        return {
          url: below(url, "/api/v2/logs"),
          headers: { ...json, "dd-api-key": token ?? "" },
          body: canonicalJson(shipped.map(({ form }) => ({ ...form, ddsource: "faramesh", service: "faramesh" }))),
        };
      case "sink-otel":
        return { url: below(url, "/v1/logs"), headers: { ...json, ...bearer }, body: canonicalJson(otlp(shipped)) };
    }
  }

  #splunk({ record, form }: Shipped): JsonObject {
    const index = this.#settings.text("index");
    const time = Date.parse(String(record.time)) / 1000;
    const told: JsonObject = { time, source: "faramesh", sourcetype: "faramesh:record", event: form };
    return index === null ? told : { ...told, index };
  }

  /** As alerts are signed: over the timestamp, a point and the body. */
  #signature(body: string): Record<string, string> {
    const secret = this.#settings.text("secret");
    if (secret === null) return {};
    const timestamp = String(this.#place.nowSeconds());
    const signature = createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex");
    return { "x-faramesh-timestamp": timestamp, "x-faramesh-signature": `v1=${signature}` };
  }
}

/** The API's path, where the address has none of its own. */
function below(url: string, path: string): string {
  const { pathname } = new URL(url);
  return pathname === "/" ? new URL(path, url).href : url;
}

/** OTLP 1: `ExportLogsServiceRequest` in its JSON form. */
function otlp(shipped: readonly Shipped[]): JsonObject {
  const text = (value: Json): JsonObject => ({ stringValue: typeof value === "string" ? value : canonicalJson(value) });
  const logRecords = shipped.map(({ record, form }) => {
    const names = ["type", "agent_id", "tool", "effect", "code", "action_id", "session_id", "hash"];
    const attributes = names.flatMap((name) => {
      const value = record[name];
      return value === undefined || value === null ? [] : [{ key: `faramesh.${name}`, value: text(value) }];
    });
    const ms = Date.parse(String(record.time));
    return {
      timeUnixNano: `${Number.isNaN(ms) ? 0 : ms}000000`,
      severityNumber: record.effect === "deny" ? 13 : 9,
      severityText: record.effect === "deny" ? "WARN" : "INFO",
      body: text(form),
      attributes,
    };
  });
  const resource = { attributes: [{ key: "service.name", value: text("faramesh") }] };
  return { resourceLogs: [{ resource, scopeLogs: [{ scope: { name: "faramesh" }, logRecords }] }] };
}
