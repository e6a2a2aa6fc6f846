// A server that speaks Vault's HTTP API as far as reading secrets goes, written from its documentation: health, token lookup and renewal,
// AppRole login, KV version 1 below `kv/` and version 2 below `secret/`, leased credentials below `database/`.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

interface Token {
  ttlSeconds: number;
  readonly renewable: boolean;
}

type Reply = readonly [status: number, body?: unknown];

const errors = (...list: string[]): unknown => ({ errors: list });

export class VaultServer {
  sealed = false;
  /** Answers in the place of the server, for a while. */
  misbehave: ((request: IncomingMessage, response: ServerResponse) => boolean) | null = null;
  readonly tokens = new Map<string, Token>([["root", { ttlSeconds: 0, renewable: false }]]);
  readonly role = { role_id: "role-1", secret_id: "secret-1", ttlSeconds: 600 };
  readonly v1 = new Map<string, Record<string, unknown>>();
  readonly v2 = new Map<string, Record<string, unknown> | null>();
  readonly asked: string[] = [];
  readonly namespaces: (string | undefined)[] = [];
  /** Of secrets that were made and not revoked, with the token that made them. */
  readonly leases = new Map<string, string>();
  #logins = 0;
  #leased = 0;
  readonly #server: Server;
  readonly #scheme: "http" | "https";

  /** `identity`: with TLS, by this key and certificate. */
  constructor(identity: { readonly key: Buffer; readonly cert: Buffer } | null = null) {
    const serve = (request: IncomingMessage, response: ServerResponse): void => this.#serve(request, response);
    this.#scheme = identity === null ? "http" : "https";
    this.#server = identity === null ? createServer(serve) : createTlsServer(identity, serve);
  }

  get addr(): string {
    return `${this.#scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, "127.0.0.1", () => resolve()));
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    let body = "";
    request.on("data", (chunk) => (body += String(chunk)));
    request.on("end", () => {
      const [path = ""] = (request.url ?? "").replace(/^\/v1\//, "").split("?");
      this.asked.push(`${request.method} ${path}`);
      if (this.misbehave?.(request, response) === true) return;
      this.namespaces.push(request.headers["x-vault-namespace"] as string | undefined);
      const [status, answer] = this.#answer(`${request.method} ${path}`, request, body);
      response.writeHead(status, { "content-type": "application/json" });
      response.end(answer === undefined ? "" : JSON.stringify(answer));
    });
  }

  #answer(what: string, request: IncomingMessage, body: string): Reply {
    if (what === "GET sys/health")
      return [this.sealed ? 503 : 200, { initialized: true, sealed: this.sealed, standby: false, version: "1.15.0" }];
    if (this.sealed) return [503, errors("Vault is sealed")];
    if (what === "POST auth/approle/login") return this.#login(JSON.parse(body) as Record<string, unknown>);
    const id = String(request.headers["x-vault-token"] ?? "");
    const token = this.tokens.get(id);
    if (token === undefined) return [403, errors("permission denied")];
    const { ttlSeconds, renewable } = token;
    if (what === "GET auth/token/lookup-self") return [200, { data: { id, ttl: ttlSeconds, renewable } }];
    if (what === "POST auth/token/renew-self") {
      if (!renewable) return [400, errors("lease is not renewable")];
      return [200, { auth: { client_token: id, lease_duration: ttlSeconds, renewable } }];
    }
    if (what === "POST auth/token/revoke-self") {
      this.tokens.delete(id);
      for (const [lease, maker] of this.leases) if (maker === id) this.leases.delete(lease);
      return [204];
    }
    if (what === "POST sys/leases/revoke") {
      this.leases.delete(String((JSON.parse(body) as Record<string, unknown>).lease_id));
      return [204];
    }
    if (what === "GET database/creds/app") this.leases.set(`database/creds/app/${++this.#leased}`, id);
    return what.startsWith("GET ") ? this.#secret(what.slice(4)) : [405, errors("unsupported operation")];
  }

  #login(words: Record<string, unknown>): Reply {
    const { role_id, secret_id, ttlSeconds } = this.role;
    if (words.role_id !== role_id || words.secret_id !== secret_id) return [400, errors("invalid role or secret ID")];
    const client_token = `login-${++this.#logins}`;
    this.tokens.set(client_token, { ttlSeconds, renewable: true });
    return [200, { auth: { client_token, lease_duration: ttlSeconds, renewable: true, policies: ["default"] } }];
  }

  #secret(path: string): Reply {
    const bare = { lease_id: "", lease_duration: 0, renewable: false };
    if (path === "database/creds/app")
      return [
        200,
        {
          ...bare,
          lease_id: `database/creds/app/${this.#leased}`,
          lease_duration: 120,
          data: { username: "u", password: "p" },
        },
      ];
    const [mount, second, ...rest] = path.split("/");
    if (mount === "kv") {
      const data = this.v1.get(path.slice("kv/".length));
      return data === undefined ? [404, errors()] : [200, { ...bare, lease_duration: 2_764_800, data }];
    }
    if (mount !== "secret" || second !== "data") return [403, errors("permission denied")];
    const data = this.v2.get(rest.join("/"));
    if (data === undefined) return [404, errors()];
    const metadata = { version: 1, destroyed: false, deletion_time: data === null ? "2026-01-01T00:00:00Z" : "" };
    return [data === null ? 404 : 200, { ...bare, data: { data, metadata } }];
  }
}
