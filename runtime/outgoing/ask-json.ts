// One question of HTTP with a JSON answer, to an address that was checked. Redirects are not followed, an answer is read up to its bound
// and never decoded from another encoding.
import type { IncomingMessage } from "node:http";
import { type Json, parseJson } from "../json.ts";
import { plainly, TooLate, type Way, wayTo, within } from "./checked.ts";

export interface Question {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent as JSON; null: nothing. */
  readonly body: string | null;
  readonly allowPrivate: boolean;
  /** Certificates in PEM that are believed in the place of the system's. */
  readonly ca?: string;
  readonly sizeMaxBytes: number;
  /** From the first look-up to the last byte. */
  readonly timeoutMs: number;
}

export type Answered =
  | { readonly ok: true; readonly value: Json }
  /** `why` names neither URL nor host. `status` is null where there was no answer. */
  | { readonly ok: false; readonly why: string; readonly isLate: boolean; readonly status: number | null };

const depthMax = 16;

/** `ok` is an answer of 200. Never rejects. */
export async function askJson(what: Question): Promise<Answered> {
  try {
    return await within(what.timeoutMs, async (signal) => {
      const way = await wayTo(what.url, what.allowPrivate);
      if (typeof way === "string") return failed(way, null);
      return await answerOf(way, what, signal);
    });
  } catch (error) {
    return { ok: false, why: plainly(error), isLate: error instanceof TooLate, status: null };
  }
}

function failed(why: string, status: number | null): Answered {
  return { ok: false, why, isLate: false, status };
}

function answerOf({ url, request, options }: Way, what: Question, signal: AbortSignal): Promise<Answered> {
  const { method, body, ca, sizeMaxBytes } = what;
  return new Promise((resolve, reject) => {
    const sending = body === null ? {} : { "content-type": "application/json" };
    const headers = { accept: "application/json", "accept-encoding": "identity", ...sending, ...what.headers };
    const trust = ca === undefined ? {} : { ca };
    const sent = request(url, { method, headers, ...options, ...trust, signal }, (answer) => {
      const status = answer.statusCode ?? 0;
      if (status !== 200) {
        resolve(failed(`the answer was ${status}`, status));
        answer.destroy();
        return;
      }
      readBounded(answer, sizeMaxBytes).then((bytes) => resolve(read(bytes, sizeMaxBytes)), reject);
    });
    sent.on("error", reject);
    sent.end(body ?? undefined);
  });
}

function read(bytes: Buffer | string, sizeBytes: number): Answered {
  if (typeof bytes === "string") return failed(bytes, 200);
  const parsed = parseJson(bytes, { sizeBytes, depth: depthMax });
  return parsed.ok ? { ok: true, value: parsed.value } : failed(`the answer is not JSON: ${parsed.message}`, 200);
}

async function readBounded(answer: IncomingMessage, sizeMaxBytes: number): Promise<Buffer | string> {
  const encoding = answer.headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") {
    answer.destroy();
    return "the answer is in an encoding that was not asked for";
  }
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > sizeMaxBytes) {
      answer.destroy();
      return `the answer is longer than ${sizeMaxBytes} bytes`;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
