// The kinds of providers that there are: what each may be told, and how one is made. A kind that is not here cannot start.
import type { HostBlock } from "../../compiler/lower/blocks.ts";
import type { Environment } from "../fixed-settings.ts";
import { AwsSecrets, awsSecretsSettings } from "./aws-sm.ts";
import { ChildProvider } from "./child.ts";
import { CostHttp, costHttpSettings } from "./cost-http.ts";
import { CostStatic, costStaticSettings } from "./cost-static.ts";
import { EnvFile, envFileSettings } from "./env-file.ts";
import type { Leases } from "./leases.ts";
import { type Provider, ProviderFailure } from "./provider.ts";
import { type SettingShapes, type Settings, settingsOf } from "./settings.ts";
import { HttpSink, type SinkKind, sinkSettings } from "./sink-http.ts";
import { S3Sink, s3Settings } from "./sink-s3.ts";
import { StdoutSink, stdoutSettings } from "./sink-stdout.ts";
import { Vault, vaultSettings } from "./vault.ts";

/** What a provider is made in. */
export interface Place {
  /** Of the stack, absolute. */
  readonly dir: string;
  readonly env: Environment;
  /** `runtime { allow_private }`. */
  readonly allowPrivate: boolean;
  /** Monotonic microseconds. */
  readonly nowUs: () => number;
  /** Of what was handed out before, by an instance that failed. */
  readonly leases: Leases;
  /** Microseconds since 1970. */
  readonly wallUs: () => number;
  /** The provider ended by itself. */
  readonly onGone: () => void;
}

interface Kind {
  /** Null: whatever the policy says is passed on. */
  readonly settings: SettingShapes | null;
  readonly make: (settings: Settings, place: Place) => Provider;
  /** A sentence for `status`: what is to be known of every provider of the kind. */
  readonly notice?: string;
  /** Whether it has prices; absent: it has none. */
  readonly quotes?: "always" | "perhaps";
  /** Whether it takes records of the log; absent: it takes none. */
  readonly emits?: "always" | "perhaps";
}

const sinkKinds = Object.keys(sinkSettings) as SinkKind[];

const kinds: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  [
    "env-file",
    {
      settings: envFileSettings,
      make: (settings, { dir }) => new EnvFile(settings, dir),
      notice: "its secrets lie in a file: for development",
    },
  ],
  ["vault", { settings: vaultSettings, make: (settings, place) => new Vault(settings, place) }],
  ["aws-sm", { settings: awsSecretsSettings, make: (settings, place) => new AwsSecrets(settings, place) }],
  [
    "cost-static",
    {
      settings: costStaticSettings,
      make: (settings, { dir }) => new CostStatic(settings, dir),
      quotes: "always",
    },
  ],
  [
    "cost-http",
    { settings: costHttpSettings, make: (settings, place) => new CostHttp(settings, place), quotes: "always" },
  ],
  [
    "process",
    {
      settings: null,
      make: (settings, place) => new ChildProvider(settings, place),
      quotes: "perhaps",
      emits: "perhaps",
    },
  ],
  ["sink-stdout", { settings: stdoutSettings, make: () => new StdoutSink(), emits: "always" }],
  ["sink-s3", { settings: s3Settings, make: (settings, place) => new S3Sink(settings, place), emits: "always" }],
  ...sinkKinds.map((kind): [string, Kind] => [
    kind,
    {
      settings: sinkSettings[kind],
      make: (settings, place) =>
        new HttpSink(kind, settings, { ...place, nowSeconds: () => Math.floor(place.wallUs() / 1_000_000) }),
      emits: "always",
    },
  ]),
]);

/** Types whose providers something else than the supervisor takes up: `mcp` names the upstream of a proxy. */
export const servedElsewhere: ReadonlySet<string> = new Set(["mcp"]);

export function typeOf({ fields }: HostBlock): string {
  return typeof fields.type === "string" ? fields.type : "";
}

/** Throws ProviderFailure SETTINGS. */
export function makeProvider(block: HostBlock, place: Place): Provider {
  const kind = kinds.get(typeOf(block));
  if (kind === undefined) {
    const known = [...kinds.keys()].join(", ");
    throw new ProviderFailure("SETTINGS", `there is no kind \`${typeOf(block)}\` here, only ${known}`);
  }
  return kind.make(settingsOf(block, kind.settings, place.env), place);
}

export function quotesOf(block: HostBlock): "always" | "perhaps" | "never" {
  return kinds.get(typeOf(block))?.quotes ?? "never";
}

export function emitsOf(block: HostBlock): "always" | "perhaps" | "never" {
  return kinds.get(typeOf(block))?.emits ?? "never";
}

export function noticeOf(block: HostBlock): string | null {
  return kinds.get(typeOf(block))?.notice ?? null;
}
