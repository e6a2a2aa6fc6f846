// The kind `sink-stdout`: records as lines on the daemon's own standard output, for containers whose runtime collects it.
import { once } from "node:events";
import { type Emitted, type Provider, ProviderFailure } from "./provider.ts";
import type { SettingShapes } from "./settings.ts";

export const stdoutSettings: SettingShapes = { from: { holds: "text", choices: ["start", "now"] } };

export class StdoutSink implements Provider {
  readonly abilities = ["emit"] as const;

  async init(): Promise<void> {}

  async probe(): Promise<void> {
    if (!process.stdout.writable) throw new ProviderFailure("GONE", "the daemon's output is closed");
  }

  async shutdown(): Promise<void> {}

  /** Taken when the pipe has taken it. */
  async emit(batch: readonly Emitted[]): Promise<void> {
    if (!process.stdout.write(`${batch.join("\n")}\n`)) await once(process.stdout, "drain");
  }
}
