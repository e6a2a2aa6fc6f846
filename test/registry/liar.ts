// A registry for tests: static files over http on this machine, and the ways in which a server may lie about them.

import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Publisher, publicKeyText, readPublisher, sha256Of } from "../../runtime/registry/signature.ts";

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export interface Key {
  readonly publisher: Publisher;
  readonly pem: string;
  /** `ed25519:…` */
  readonly text: string;
}

export function newKey(): Key {
  const pem = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const publisher = readPublisher(Buffer.from(pem));
  if (publisher === null) throw new Error("a new key is a key");
  return { publisher, pem, text: publicKeyText(publisher.publicKey) };
}

export interface Artifact {
  readonly section: "policies" | "frameworks" | "providers";
  readonly name: string;
  readonly version: string;
  readonly text: string;
}

export const registry = "packs.example";

/** What one publisher puts up: catalog, artifacts and their signatures, by path. */
export function site(
  key: Key,
  artifacts: readonly Artifact[],
  { serial = 1, expires = "2099-01-01T00:00:00Z", name = registry } = {},
): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const entries = artifacts.map(({ section, name: of, version, text }) => {
    const file = section === "policies" ? "pack.fms" : `${section.slice(0, -1)}.fms`;
    const path = `${section}/${of}/${version}/${file}`;
    const bytes = Buffer.from(text);
    files.set(path, bytes);
    files.set(`${path}.sig`, key.publisher.sign(`${name}/${section}/${of}@${version}/${file}`, bytes));
    return { section, name: of, version, path, sha256: sha256Of(bytes), summary: `the pack ${of}` };
  });
  const listOf = (section: string) => entries.filter((one) => one.section === section);
  const catalog = Buffer.from(
    JSON.stringify({
      catalog: "faramesh.catalog/1",
      registry: name,
      serial,
      expires,
      policies: listOf("policies"),
      frameworks: listOf("frameworks"),
      providers: listOf("providers"),
    }),
  );
  files.set("catalog/catalog.json", catalog);
  files.set("catalog/catalog.json.sig", key.publisher.sign(`catalog ${name}`, catalog));
  return files;
}

export class LyingRegistry {
  files = new Map<string, Uint8Array>();
  /** Instead of the file, by path. */
  readonly lies = new Map<string, Answer>();
  readonly asked: string[] = [];
  /** Values of the header `authorization`, as they came. */
  readonly tokens: (string | undefined)[] = [];
  #server = createServer((request, response) => this.#answer(request, response));
  #stalled: ServerResponse[] = [];

  async start(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** An answer that never ends. */
  readonly stall: Answer = (_, response) => {
    response.writeHead(200);
    response.write("{");
    this.#stalled.push(response);
  };

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? "/").slice(1);
    this.asked.push(path);
    this.tokens.push(request.headers.authorization);
    const lie = this.lies.get(path);
    const file = this.files.get(path);
    if (lie !== undefined) lie(request, response);
    else if (file !== undefined) response.end(file);
    else response.writeHead(404).end("no");
  }

  async stop(): Promise<void> {
    for (const response of this.#stalled) response.destroy();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
