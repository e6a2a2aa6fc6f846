// One POST to an address that was checked: the name is resolved once, and the connection goes to what was resolved. Redirects are not
// followed and answers are not read. It must never reach a private address unless the policy allows it.
import { lookup } from "node:dns/promises";
import { request as plainRequest } from "node:http";
import { request as tlsRequest } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { isPublicAddress } from "./address.ts";

/** From the first look-up to the answer's status. */
export const postTimeoutMs = 5000;

export interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** `runtime { allow_private }`: private addresses and `http:` are fine. */
  readonly allowPrivate: boolean;
}

interface Address {
  readonly address: string;
  readonly family: number;
}

/** Null when it was taken (a status of 200 to 299); else why not, without the URL, which may hold a secret. Never rejects. */
export async function post(what: Post, timeoutMs: number = postTimeoutMs): Promise<string | null> {
  const signal = AbortSignal.timeout(timeoutMs);
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error(`no answer within ${timeoutMs} ms`)), { once: true });
  });
  try {
    return await Promise.race([postNow(what, signal), late]);
  } catch (error) {
    return error instanceof Error ? plainly(error) : "the request failed";
  }
}

async function postNow(what: Post, signal: AbortSignal): Promise<string | null> {
  const url = URL.canParse(what.url) ? new URL(what.url) : null;
  if (url === null) return "it is no URL";
  const isSecure = url.protocol === "https:";
  if (!isSecure && !(url.protocol === "http:" && what.allowPrivate)) return "only https is used";
  if (url.username !== "" || url.password !== "") return "a URL with a user in it is not used";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const family = isIP(host);
  const addresses: readonly Address[] = family === 0 ? await lookup(host, { all: true }) : [{ address: host, family }];
  if (!what.allowPrivate && !addresses.every(({ address }) => isPublicAddress(address)))
    return "its address is private";
  const status = await statusOf(url, isSecure, what, addresses, signal);
  return status >= 200 && status < 300 ? null : `the answer was ${status}`;
}

function statusOf(
  url: URL,
  isSecure: boolean,
  { headers, body }: Post,
  addresses: readonly Address[],
  signal: AbortSignal,
): Promise<number> {
  const checked: LookupFunction = (_host, options, done) => {
    const [first] = addresses;
    if (first === undefined) done(new Error("the name has no address"), "", 0);
    else if (options.all) done(null, [...addresses]);
    else done(null, first.address, first.family);
  };
  return new Promise((resolve, reject) => {
    const options = { method: "POST", headers, agent: false as const, lookup: checked, signal };
    const sent = (isSecure ? tlsRequest : plainRequest)(url, options, (answer) => {
      resolve(answer.statusCode ?? 0);
      answer.destroy();
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** The code where there is one: messages of the system name hosts and addresses. */
function plainly(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}
