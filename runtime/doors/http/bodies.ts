// Reads the bodies of requests within two bounds: one for each, and one for all that are held at the same time. It must never
// hold a byte beyond either.
import type { IncomingMessage } from "node:http";
import { type Reply, refused } from "./asked.ts";
import { tooLarge } from "./guard.ts";
import type { HttpLimits } from "./limits.ts";

export interface Body {
  readonly bytes: Buffer;
  /** To be called when the body is needed no more. */
  readonly release: () => void;
}

const busySeconds = "1";

export class Bodies {
  readonly #limits: HttpLimits;
  #heldBytes = 0;

  constructor(limits: HttpLimits) {
    this.#limits = limits;
  }

  /** The body, or why it was not read to its end. */
  async read(incoming: IncomingMessage): Promise<Body | Reply> {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    const release = (): void => {
      this.#heldBytes -= sizeBytes;
      sizeBytes = 0;
    };
    try {
      for await (const chunk of incoming as AsyncIterable<Buffer>) {
        sizeBytes += chunk.length;
        this.#heldBytes += chunk.length;
        if (sizeBytes > this.#limits.bodyBytes) return this.#stop(release, this.#tooLarge());
        if (this.#heldBytes > this.#limits.bodiesBytes) return this.#stop(release, busy());
        chunks.push(chunk);
      }
    } catch {
      // Half-sent: nobody is there to read what we answer, and nothing was asked.
      return this.#stop(release, refused(400, "HALF_SENT", "the body was not sent to its end"));
    }
    return { bytes: Buffer.concat(chunks, sizeBytes), release };
  }

  #stop(release: () => void, reply: Reply): Reply {
    release();
    return { ...reply, headers: { ...reply.headers, connection: "close" } };
  }

  #tooLarge(): Reply {
    const { status, code, message } = tooLarge(this.#limits);
    return refused(status, code, message);
  }
}

function busy(): Reply {
  const reply = refused(503, "BUSY", "too many bodies are being read: send the request again");
  return { ...reply, headers: { "retry-after": busySeconds } };
}
