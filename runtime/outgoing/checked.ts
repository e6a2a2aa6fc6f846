// Where a request of the daemon may go: the URL is read, its name resolved once, and every address looked at; the connection goes to what
// was resolved. It must never let a request through to a private address unless the policy allows it.
import { request as plainRequest } from "node:http";
import { request as tlsRequest } from "node:https";
import type { LookupFunction } from "node:net";
import { addressesOf } from "./address.ts";

/** What to give to `request`. */
export interface Way {
  readonly url: URL;
  readonly request: typeof plainRequest;
  readonly options: { readonly agent: false; readonly lookup: LookupFunction };
}

/** Or why nothing may be sent there. Rejects where the name cannot be resolved. `allowPrivate` allows `http:` too. */
export async function wayTo(text: string, allowPrivate: boolean): Promise<Way | string> {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null) return "it is no URL";
  const isSecure = url.protocol === "https:";
  if (!isSecure && !(url.protocol === "http:" && allowPrivate)) return "only https is used";
  if (url.username !== "" || url.password !== "") return "a URL with a user in it is not used";
  const pinned = await pinnedTo(url.hostname, allowPrivate);
  if (typeof pinned === "string") return pinned;
  return { url, request: isSecure ? tlsRequest : plainRequest, options: { agent: false, lookup: pinned } };
}

/**
 * What gives a connection the addresses that were looked at, whatever the name resolves to by then; or why it may not be made. Rejects
 * where the name cannot be resolved.
 */
export async function pinnedTo(host: string, allowPrivate: boolean): Promise<LookupFunction | string> {
  const addresses = await addressesOf(host, allowPrivate);
  if (addresses === null) return "its address is private";
  return (_host, options, done) => {
    const [first] = addresses;
    if (first === undefined) done(new Error("the name has no address"), "", 0);
    else if (options.all) done(null, [...addresses]);
    else done(null, first.address, first.family);
  };
}

/** What went wrong, without names of hosts: the code where there is one, since messages of the system name them. */
export function plainly(error: unknown): string {
  if (!(error instanceof Error)) return "the request failed";
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}

export class TooLate extends Error {}

/** What `work` makes, or TooLate after `timeoutMs`; its signal then aborts. */
export function within<Result>(timeoutMs: number, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const signal = AbortSignal.timeout(timeoutMs);
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(new TooLate(`no answer within ${timeoutMs} ms`)), { once: true });
  });
  return Promise.race([work(signal), late]);
}
