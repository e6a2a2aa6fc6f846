// A server on this machine for what the daemon sends out or asks for.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface Delivery {
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** A server that keeps what it is sent and answers with what `answer` does. */
export class Receiver {
  readonly deliveries: Delivery[] = [];
  answer: Handler = (_request, response) => response.end();
  readonly #server: Server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += String(chunk)));
    request.on("end", () => {
      this.deliveries.push({ url: request.url ?? "", headers: request.headers, body });
      this.answer(request, response);
    });
  });

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, "127.0.0.1", () => resolve()));
  }

  async until(count: number): Promise<readonly Delivery[]> {
    while (this.deliveries.length < count) await new Promise((resolve) => setTimeout(resolve, 10));
    return this.deliveries;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

export async function withReceiver(work: (receiver: Receiver) => Promise<void>): Promise<void> {
  const receiver = new Receiver();
  await receiver.listen();
  try {
    await work(receiver);
  } finally {
    await receiver.close();
  }
}
