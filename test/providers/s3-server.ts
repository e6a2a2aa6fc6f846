// A server that speaks S3's API as far as putting objects goes, written from its reference: signatures, checksums, object lock, the
// errors in XML, paths and names of hosts as ways to a bucket.
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { whyUnsigned } from "./sigv4.ts";

export interface StoredObject {
  readonly body: Buffer;
  readonly headers: IncomingMessage["headers"];
}

const statuses: Readonly<Record<string, number>> = {
  BadDigest: 400,
  InvalidRequest: 400,
  MalformedXML: 400,
  AuthorizationHeaderMalformed: 400,
  InvalidToken: 400,
  XAmzContentSHA256Mismatch: 400,
  NoSuchBucket: 404,
  MethodNotAllowed: 405,
  SlowDown: 503,
};

export class S3Server {
  readonly bucket = "audit-logs";
  region = "eu-central-1";
  nowMs: () => number = Date.now;
  readonly keys = new Map([["AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"]]);
  readonly sessionTokens = new Map<string, string>();
  readonly objects = new Map<string, StoredObject>();
  /** Keys in the order in which they were put, again where they came again. */
  readonly puts: string[] = [];
  readonly refusals: string[] = [];
  asked = 0;
  /** Answers in the place of the server, for a while. */
  misbehave: ((request: IncomingMessage, response: ServerResponse) => boolean) | null = null;
  readonly #server: Server;

  /** `identity`: with TLS, by this key and certificate. */
  constructor(identity: { readonly key: Buffer; readonly cert: Buffer } | null = null) {
    const serve = (request: IncomingMessage, response: ServerResponse): void => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        this.asked++;
        if (this.misbehave?.(request, response) !== true) this.#answer(request, response, Buffer.concat(chunks));
      });
    };
    this.#server = identity === null ? createServer(serve) : createTlsServer(identity, serve);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, "127.0.0.1", () => resolve()));
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  refuse(response: ServerResponse, code: string, status = statuses[code] ?? 403): true {
    this.refusals.push(code);
    response.writeHead(status, { "content-type": "application/xml" });
    response.end(`<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>no</Message></Error>`);
    return true;
  }

  #answer(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    const { method = "", url: target = "", headers } = request;
    const { region, keys, sessionTokens } = this;
    const nowMs = this.nowMs();
    const verifier = { service: "s3", region, keys, sessionTokens, nowMs };
    const wrong = whyUnsigned({ method, target, headers, body }, verifier) ?? this.#refusalOf(request, body);
    if (wrong !== null) {
      this.refuse(response, wrong);
      return;
    }
    const [, key = ""] = this.#placeOf(request);
    this.objects.set(key, { body, headers });
    this.puts.push(key);
    response.writeHead(200, { etag: `"${createHash("md5").update(body).digest("hex")}"` }).end();
  }

  #placeOf({ url = "", headers }: IncomingMessage): readonly [bucket: string, key: string] {
    const path = decodeURIComponent(url.slice(1));
    if (headers.host?.startsWith(`${this.bucket}.`)) return [this.bucket, path];
    const at = path.indexOf("/");
    return [path.slice(0, at), path.slice(at + 1)];
  }

  #refusalOf(request: IncomingMessage, body: Buffer): string | null {
    const { headers, method } = request;
    if (method !== "PUT") return "MethodNotAllowed";
    if (this.#placeOf(request)[0] !== this.bucket) return "NoSuchBucket";
    const sums = [
      ["x-amz-checksum-sha256", "sha256"],
      ["content-md5", "md5"],
    ] as const;
    const given = sums.filter(([name]) => headers[name] !== undefined);
    for (const [name, algorithm] of given)
      if (createHash(algorithm).update(body).digest("base64") !== headers[name]) return "BadDigest";
    const until = headers["x-amz-object-lock-retain-until-date"];
    const isLocked = until !== undefined || headers["x-amz-object-lock-legal-hold"] !== undefined;
    if (isLocked && given.length === 0) return "InvalidRequest";
    if ((until === undefined) !== (headers["x-amz-object-lock-mode"] === undefined)) return "InvalidRequest";
    return until !== undefined && !(Date.parse(String(until)) > this.nowMs()) ? "InvalidRequest" : null;
  }
}
