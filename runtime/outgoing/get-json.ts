// One JSON document from an address that was checked. Redirects are not followed, an answer is read up to its bound and never decoded
// from another encoding.
import type { IncomingMessage } from "node:http";
import { type Json, parseJson } from "../json.ts";
import { plainly, TooLate, type Way, wayTo, within } from "./checked.ts";

export interface Get {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly allowPrivate: boolean;
  readonly sizeMaxBytes: number;
  /** From the first look-up to the last byte. */
  readonly timeoutMs: number;
}

export type Got =
  | { readonly ok: true; readonly value: Json }
  /** `why` names neither URL nor host: they may hold what agents must not learn. */
  | { readonly ok: false; readonly why: string; readonly isLate: boolean };

const depthMax = 16;

/** Never rejects. */
export async function getJson(what: Get): Promise<Got> {
  try {
    return await within(what.timeoutMs, async (signal) => {
      const way = await wayTo(what.url, what.allowPrivate);
      if (typeof way === "string") return failed(way);
      const bytes = await bodyOf(way, what, signal);
      if (typeof bytes === "string") return failed(bytes);
      const parsed = parseJson(bytes, { sizeBytes: what.sizeMaxBytes, depth: depthMax });
      return parsed.ok ? { ok: true, value: parsed.value } : failed(`the answer is not JSON: ${parsed.message}`);
    });
  } catch (error) {
    return { ok: false, why: plainly(error), isLate: error instanceof TooLate };
  }
}

function failed(why: string): Got {
  return { ok: false, why, isLate: false };
}

/** The bytes of an answer of 200; else why there are none. */
function bodyOf({ url, request, options }: Way, what: Get, signal: AbortSignal): Promise<Buffer | string> {
  return new Promise((resolve, reject) => {
    const headers = { accept: "application/json", "accept-encoding": "identity", ...what.headers };
    const sent = request(url, { method: "GET", headers, ...options, signal }, (answer) => {
      if (answer.statusCode !== 200) {
        resolve(`the answer was ${answer.statusCode ?? 0}`);
        answer.destroy();
        return;
      }
      readBounded(answer, what.sizeMaxBytes).then(resolve, reject);
    });
    sent.on("error", reject);
    sent.end();
  });
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
