// The servers that a policy declares behind the door: `provider "name" { type = "mcp", command | url }`. A value that is named by env() is
// looked up here, and goes nowhere but to its server.
import type { HostBlock } from "../../../compiler/lower/blocks.ts";
import type { Environment } from "../../fixed-settings.ts";
import { typeOf } from "../../providers/kinds.ts";
import { ProviderFailure } from "../../providers/provider.ts";
import { type SettingShapes, settingsOf } from "../../providers/settings.ts";

export type Declared = { readonly name: string } & (
  | {
      readonly kind: "process";
      readonly command: readonly string[];
      /** Variables of the daemon's environment that the process gets. */
      readonly passEnv: readonly string[];
    }
  | { readonly kind: "remote"; readonly url: string; readonly token: string | null }
);

/** Servers of one policy. */
export const serversMax = 16;
/** As it stands in the address, and before the names of tools. */
const nameForm = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

const shapes: SettingShapes = {
  command: { holds: "list" },
  url: { holds: "text" },
  token: { holds: "text" },
  pass_env: { holds: "list" },
};

export interface Declarations {
  readonly servers: readonly Declared[];
  /** By name, of those that cannot be. */
  readonly faults: ReadonlyMap<string, string>;
}

export function declaredIn(blocks: readonly HostBlock[], env: Environment): Declarations {
  const servers: Declared[] = [];
  const faults = new Map<string, string>();
  for (const block of blocks) {
    if (block.keyword !== "provider" || typeOf(block) !== "mcp") continue;
    const name = block.name ?? "";
    const read = servers.length < serversMax ? readOne(block, env) : `a policy has at most ${serversMax} of them`;
    if (typeof read === "string") faults.set(name, read);
    else servers.push(read);
  }
  return { servers, faults };
}

function readOne(block: HostBlock, env: Environment): Declared | string {
  const name = block.name ?? "";
  if (!nameForm.test(name)) return "its name stands in an address: letters, digits, `_`, `.` and `-`";
  try {
    const settings = settingsOf(block, shapes, env);
    const url = settings.text("url");
    const written = settings.list("command");
    if ((url === null) === (written.length === 0)) return "it has either a `command` or a `url`";
    if (url !== null) {
      if (!URL.canParse(url)) return "`url` is no address";
      if (settings.list("pass_env").length > 0) return "`pass_env` belongs to a `command`";
      return { kind: "remote", name, url, token: settings.text("token") };
    }
    if (settings.text("token") !== null) return "`token` belongs to a `url`";
    const [first = ""] = written;
    const command = written.length === 1 ? first.split(/\s+/).filter((word) => word !== "") : written;
    if (command.length === 0) return "`command` is empty";
    return { kind: "process", name, command, passEnv: settings.list("pass_env") };
  } catch (error) {
    if (error instanceof ProviderFailure) return error.message;
    throw error;
  }
}
