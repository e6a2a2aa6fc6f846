// The witness's door and the way to one: HTTP, one request. It carries bytes within bounds and judges nothing.
import { createServer, request as httpRequest, type Server } from "node:http";
import { request as httpsRequest } from "node:https";
import { type Witness, witnessRequestLimitBytes } from "../witness.ts";

const requestTimeoutMs = 10_000;
const connectionsMax = 64;
const answerLimitBytes = 64 * 1024;

/** Serves `POST /add-checkpoint` at a host and port (0: any free one). Resolves when it listens. */
export function serveWitness(witness: Witness, host: string, port: number): Promise<Server> {
  const server = createServer({ requestTimeout: requestTimeoutMs }, (incoming, outgoing) => {
    const end = (status: number, type: string, body: string): void => {
      outgoing.writeHead(status, { "content-type": type });
      outgoing.end(body);
    };
    if (incoming.url !== "/add-checkpoint") return end(404, "text/plain", "there is only /add-checkpoint\n");
    if (incoming.method !== "POST") return end(405, "text/plain", "POST a checkpoint\n");
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    incoming.on("data", (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (sizeBytes <= witnessRequestLimitBytes) chunks.push(chunk);
    });
    incoming.on("error", () => outgoing.destroy());
    incoming.on("end", () => {
      if (sizeBytes > witnessRequestLimitBytes) return end(413, "text/plain", "the request is too large\n");
      witness.addCheckpoint(Buffer.concat(chunks)).then(
        ({ status, type, body }) => end(status, type, body),
        () => end(500, "text/plain", "the witness cannot sign now\n"),
      );
    });
  });
  server.maxConnections = connectionsMax;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve(server));
  });
}

export interface WitnessReply {
  readonly status: number;
  readonly body: string;
}

/** Sends one request to `<prefix>/add-checkpoint`. Rejects with the network's error, or when the answer is late or too large. */
export function askWitness(prefix: URL, body: string): Promise<WitnessReply> {
  const url = new URL(`${prefix.href.replace(/\/$/, "")}/add-checkpoint`);
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const outgoing = send(url, { method: "POST", timeout: requestTimeoutMs }, (incoming) => {
      let text = "";
      incoming.setEncoding("utf8");
      incoming.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > answerLimitBytes) outgoing.destroy(new Error("the witness's answer is too large"));
      });
      incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, body: text }));
      incoming.on("error", reject);
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer in ${requestTimeoutMs} ms`)));
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
