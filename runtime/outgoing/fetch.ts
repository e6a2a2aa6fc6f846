// `fetch` for libraries that ask for one, over addresses that were checked. Redirects are not followed, and a part of an answer that does
// not end within the bound ends the answer.
import { Readable, Transform } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { plainly, wayTo, within } from "./checked.ts";

/** Of an answer's body; of an event of a stream that has no end. */
export interface FetchLimits {
  readonly answerBytes: number;
  /** Until the head of the answer has come. */
  readonly headMs: number;
  /** Certificates in PEM that are believed in the place of the system's. */
  readonly ca?: string;
}

/** Statuses without a body, for which `Response` takes none. */
const bare: ReadonlySet<number> = new Set([204, 205, 304]);
const lineFeed = 10;
const carriageReturn = 13;

/** Rejects with TypeError, as `fetch` does. `allowPrivate`: asked at each request. */
export function checkedFetch(
  allowPrivate: () => boolean,
  { answerBytes, headMs, ca }: FetchLimits,
): (url: string | URL, init?: RequestInit) => Promise<Response> {
  return async (url, init = {}) => {
    const body = init.body ?? null;
    if (body !== null && typeof body !== "string" && !(body instanceof Uint8Array))
      throw new TypeError("only texts and bytes are sent");
    try {
      const way = await within(headMs, () => wayTo(String(url), allowPrivate()));
      if (typeof way === "string") throw new Error(way);
      const headers = Object.fromEntries(new Headers(init.headers).entries());
      return await new Promise<Response>((resolve, reject) => {
        const late = setTimeout(() => sent.destroy(new Error(`no answer within ${headMs} ms`)), headMs);
        const signal = init.signal ?? undefined;
        const method = init.method ?? "GET";
        const options = { method, headers, ...way.options, ...(ca && { ca }), ...(signal && { signal }) };
        const sent = way.request(way.url, options, (answer) => {
          clearTimeout(late);
          const { statusCode: status = 502, rawHeaders } = answer;
          const told = new Headers();
          for (let at = 0; at < rawHeaders.length; at += 2) told.append(rawHeaders[at] ?? "", rawHeaders[at + 1] ?? "");
          const isStream = /^text\/event-stream\b/i.test(told.get("content-type") ?? "");
          const bounded = answer.pipe(isStream ? boundedEvents(answerBytes) : boundedBody(answerBytes));
          answer.on("error", (error) => bounded.destroy(error));
          // Where nobody reads the body, nobody else hears that it broke off.
          bounded.on("error", () => {});
          bounded.on("close", () => answer.destroy());
          if (bare.has(status)) bounded.resume();
          const stream = bare.has(status) ? null : (Readable.toWeb(bounded) as ReadableStream<Uint8Array>);
          resolve(new Response(stream as BodyInit | null, { status: status < 200 ? 502 : status, headers: told }));
        });
        sent.on("error", (error) => {
          clearTimeout(late);
          reject(error);
        });
        sent.end(body ?? undefined);
      });
    } catch (error) {
      if (error instanceof Error && error.name === "AbortError") throw error;
      throw new TypeError(plainly(error), { cause: error });
    }
  };
}

function boundedBody(limitBytes: number): Transform {
  let sizeBytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sizeBytes += chunk.length;
      if (sizeBytes > limitBytes) done(new Error(`the answer is larger than ${limitBytes} bytes`));
      else done(null, chunk);
    },
  });
}

/** An event ends at an empty line. */
function boundedEvents(limitBytes: number): Transform {
  let sizeBytes = 0;
  let isLineEmpty = true;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      for (const byte of chunk) {
        sizeBytes++;
        if (byte === carriageReturn) continue;
        if (byte === lineFeed && isLineEmpty) sizeBytes = 0;
        isLineEmpty = byte === lineFeed;
      }
      if (sizeBytes > limitBytes) done(new Error(`an event is larger than ${limitBytes} bytes`));
      else done(null, chunk);
    },
  });
}
