// The registry that the environment names, ready to be asked: its address, the user's token for it, and the time.
import { systemClock } from "../runtime/clock.ts";
import { FetchFailure, registryUrl } from "../runtime/registry/fetch.ts";
import type { Lock } from "../runtime/registry/lock-file.ts";
import { RemoteRegistry } from "../runtime/registry/remote.ts";
import type { PublicKey } from "../runtime/registry/signature.ts";
import { readTokens, TokenFailure } from "../runtime/registry/tokens.ts";
import type { TrustedKeys } from "../runtime/registry/trust.ts";
import { exits, Stop } from "./exit.ts";
import type { Terminal } from "./terminal.ts";

export const registryVariable = "FARAMESH_REGISTRY_URL";

/** Throws Stop. */
export function registryFor(
  io: Terminal,
  address: string,
  trusted: TrustedKeys,
  lock: Lock,
  catalogKeys?: readonly PublicKey[],
): RemoteRegistry {
  const url = addressOf(address);
  const token = tokensOf(io).get(url.origin);
  const timeoutMs = timeoutOf(io);
  return new RemoteRegistry({
    url,
    trusted,
    seen: lock.catalogs,
    nowUs: systemClock.now().wallUs,
    ...(catalogKeys === undefined ? {} : { catalogKeys }),
    ...(token === undefined ? {} : { token }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
}

/** `--url`, else the environment's. Throws Stop where neither names a registry. */
export function addressFrom(io: Terminal, option: string | undefined): string {
  const address = option ?? io.env[registryVariable];
  if (address !== undefined && address !== "") return address;
  throw new Stop("no registry is named", `--url https://registry.example/, or ${registryVariable}=…`, exits.usage);
}

export function addressOf(address: string): URL {
  try {
    return registryUrl(address);
  } catch (error) {
    if (error instanceof FetchFailure) throw new Stop(error.message, error.help);
    throw error;
  }
}

export function tokensOf(io: Terminal): ReadonlyMap<string, string> {
  try {
    return readTokens(io.env);
  } catch (error) {
    if (error instanceof TokenFailure) throw new Stop(error.message);
    throw error;
  }
}

/** Milliseconds for one file; absent: the usual ones. */
function timeoutOf(io: Terminal): number | undefined {
  const text = io.env.FARAMESH_REGISTRY_TIMEOUT_MS;
  if (text === undefined || text === "") return undefined;
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new Stop("FARAMESH_REGISTRY_TIMEOUT_MS is a number of milliseconds up to 999999", undefined, exits.usage);
}
