// One POST to an address that was checked. Redirects are not followed and answers are not read.
import { plainly, type Way, wayTo, within } from "./checked.ts";

/** From the first look-up to the answer's status. */
export const postTimeoutMs = 5000;

export interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** `runtime { allow_private }`: private addresses and `http:` are fine. */
  readonly allowPrivate: boolean;
  /** Certificates in PEM that are believed in the place of the system's. */
  readonly ca?: string;
}

/** Null when it was taken (a status of 200 to 299); else why not, without the URL, which may hold a secret. Never rejects. */
export async function post(what: Post, timeoutMs: number = postTimeoutMs): Promise<string | null> {
  try {
    return await within(timeoutMs, async (signal) => {
      const way = await wayTo(what.url, what.allowPrivate);
      if (typeof way === "string") return way;
      const status = await statusOf(way, what, signal);
      return status >= 200 && status < 300 ? null : `the answer was ${status}`;
    });
  } catch (error) {
    return plainly(error);
  }
}

function statusOf({ url, request, options }: Way, { headers, body, ca }: Post, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const trust = ca === undefined ? {} : { ca };
    const sent = request(url, { method: "POST", headers, ...options, ...trust, signal }, (answer) => {
      resolve(answer.statusCode ?? 0);
      answer.destroy();
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
