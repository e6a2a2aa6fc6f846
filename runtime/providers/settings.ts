// The settings of a `provider` block, read against what its kind knows. A value that is named by env() is looked up here, and must
// never go anywhere but to the provider.
import type { HostBlock } from "../../compiler/lower/blocks.ts";
import type { HostValue } from "../../compiler/lower/host-value.ts";
import type { Environment } from "../fixed-settings.ts";
import { ProviderFailure } from "./provider.ts";

export interface SettingShape {
  readonly holds: "text" | "bool" | "number" | "list";
  readonly required?: true;
  /** The texts that it may be; absent: any. */
  readonly choices?: readonly string[];
}

export type SettingShapes = Readonly<Record<string, SettingShape>>;
export type SettingValue = string | number | boolean | readonly string[];

export class Settings {
  readonly #values: ReadonlyMap<string, SettingValue>;

  constructor(values: ReadonlyMap<string, SettingValue>) {
    this.#values = values;
  }

  /** Null where it is not set. */
  text(name: string): string | null {
    const value = this.#values.get(name);
    return value === undefined ? null : String(value);
  }

  /** Of a setting that its shape requires. */
  given(name: string): string {
    return this.text(name) ?? "";
  }

  isOn(name: string): boolean {
    return this.#values.get(name) === true;
  }

  number(name: string): number | null {
    const value = this.#values.get(name);
    return typeof value === "number" ? value : null;
  }

  list(name: string): readonly string[] {
    const value = this.#values.get(name);
    return value === undefined ? [] : typeof value === "object" ? value : [String(value)];
  }

  names(): readonly string[] {
    return [...this.#values.keys()];
  }
}

/** `shapes` null: any setting is fine. Throws ProviderFailure SETTINGS. */
export function settingsOf({ fields }: HostBlock, shapes: SettingShapes | null, env: Environment): Settings {
  const values = new Map<string, SettingValue>();
  for (const [name, written] of Object.entries(fields)) {
    if (name === "type") continue;
    const shape = shapes === null ? null : Object.hasOwn(shapes, name) ? (shapes[name] ?? null) : undefined;
    if (shape === undefined) {
      const known = Object.keys(shapes ?? {}).join(", ");
      throw new ProviderFailure("SETTINGS", `it has no setting \`${name}\`: ${known}`);
    }
    const value = readValue(name, written, env);
    if (shape !== null && !fits(value, shape))
      throw new ProviderFailure("SETTINGS", `\`${name}\` is no ${shape.holds}`);
    if (shape?.choices !== undefined && !shape.choices.includes(String(value)))
      throw new ProviderFailure("SETTINGS", `\`${name}\` is one of ${shape.choices.join(", ")}`);
    values.set(name, value);
  }
  for (const [name, { required }] of Object.entries(shapes ?? {}))
    if (required === true && !values.has(name)) throw new ProviderFailure("SETTINGS", `\`${name}\` is missing`);
  return new Settings(values);
}

function fits(value: SettingValue, { holds }: SettingShape): boolean {
  if (holds === "list") return typeof value === "object" || typeof value === "string";
  if (holds === "bool") return typeof value === "boolean";
  return typeof value === (holds === "text" ? "string" : "number");
}

function readValue(name: string, written: HostValue, env: Environment): SettingValue {
  if (written === null) throw new ProviderFailure("SETTINGS", `\`${name}\` is nothing`);
  if (typeof written !== "object") return written;
  if (!("env" in written)) return written.map((item) => String(readValue(name, item, env)));
  const set = env[written.env];
  if (set) return set;
  throw new ProviderFailure("SETTINGS", `the environment variable ${written.env} for \`${name}\` is not set`);
}
