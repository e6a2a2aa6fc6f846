// The only door to registries over the network: GET of one small file, by https, or by http from this machine alone. Size,
// time and redirects are bounded, a redirect stays on the same host, and a token goes to no other host than its own.

/** Whole requests, redirects included. */
const deadlineMs = 15_000;
const redirectsMax = 3;
const redirectStatuses: readonly number[] = [301, 302, 303, 307, 308];

/** The world's failure: nothing that could be used was received. */
export class FetchFailure extends Error {
  readonly code: "UNREACHABLE" | "NOT_FOUND" | "REFUSED";
  readonly help: string;
  constructor(code: FetchFailure["code"], message: string, help: string) {
    super(message);
    this.code = code;
    this.help = help;
  }
}

export interface FetchOptions {
  readonly limitBytes: number;
  /** For the host of the registry; never sent in clear but to this machine. */
  readonly token?: string;
  readonly timeoutMs?: number;
}

/** The address of a registry without what hides another: no user, no query, no fragment; ends in `/`. Throws FetchFailure. */
export function registryUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const example = "write FARAMESH_REGISTRY_URL=https://registry.example/";
  if (url === null) throw new FetchFailure("REFUSED", "the address of the registry is no URL", example);
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    const help = "leave user, query and fragment out; a token is kept by: faramesh auth login";
    throw new FetchFailure("REFUSED", "the address of the registry holds more than a host and a path", help);
  }
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback(url.hostname)))
    throw new FetchFailure("REFUSED", "a registry is asked by https, or by http on this machine alone", example);
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}

/** By name or number of this machine; other spellings of numbers were made one by the URL's own parser. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/** The bytes at `url`. Throws FetchFailure, and nothing else, whatever the server does. */
export async function fetchBytes(
  url: URL,
  { limitBytes, token, timeoutMs = deadlineMs }: FetchOptions,
): Promise<Buffer> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const response = await follow(url, token, signal);
    return await readBody(response, limitBytes, url);
  } catch (error) {
    if (error instanceof FetchFailure) throw error;
    const help = "without a network, keep copies in packs/ and use --offline";
    if (signal.aborted)
      throw new FetchFailure("UNREACHABLE", `${url.host} did not answer in full within ${timeoutMs / 1000} s`, help);
    throw new FetchFailure("UNREACHABLE", `${url.host} cannot be reached: ${causeOf(error)}`, help);
  }
}

async function follow(first: URL, token: string | undefined, signal: AbortSignal): Promise<Response> {
  let url = first;
  const headers = {
    "accept-encoding": "identity",
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  for (let turn = 0; turn <= redirectsMax; turn++) {
    const response = await fetch(url, { redirect: "manual", signal, headers });
    if (response.ok) return response;
    await response.body?.cancel();
    if (redirectStatuses.includes(response.status)) url = nextOf(url, response.headers.get("location"));
    else throw statusFailure(url, response.status);
  }
  throw new FetchFailure(
    "REFUSED",
    `${first.host} redirects more than ${redirectsMax} times`,
    "name the registry's final address",
  );
}

function nextOf(url: URL, location: string | null): URL {
  const next = location !== null && URL.canParse(location, url) ? new URL(location, url) : null;
  if (next !== null && next.origin === url.origin && next.username === "" && next.password === "") return next;
  const to = next === null ? "nowhere" : next.host === url.host ? `another scheme, ${next.protocol}` : next.host;
  throw new FetchFailure("REFUSED", `${url.host} redirects to ${to}`, "name the registry's final address");
}

function statusFailure(url: URL, status: number): FetchFailure {
  if (status === 404 || status === 410)
    return new FetchFailure("NOT_FOUND", `${url.host} has no ${url.pathname}`, "see: faramesh registry list");
  if (status === 401 || status === 403)
    return new FetchFailure("REFUSED", `${url.host} wants a token (${status})`, "keep one by: faramesh auth login");
  return new FetchFailure("UNREACHABLE", `${url.host} answers ${status}`, "try again later");
}

/** Counted as it arrives: what a header says about its length is not believed. */
async function readBody(response: Response, limitBytes: number, url: URL): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  // Leaving the loop by an error cancels the rest.
  for await (const piece of response.body ?? []) {
    sizeBytes += piece.length;
    if (sizeBytes > limitBytes)
      throw new FetchFailure("REFUSED", `${url.pathname} has more than ${limitBytes} bytes`, "ask its publisher");
    pieces.push(piece);
  }
  const said = response.headers.get("content-length");
  if (said !== null && response.headers.get("content-encoding") === null && Number(said) !== sizeBytes)
    throw new FetchFailure("UNREACHABLE", `${url.host} broke off within ${url.pathname}`, "try again");
  return Buffer.concat(pieces);
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof Error && "code" in cause && typeof cause.code === "string") return cause.code;
  return "the connection broke";
}
