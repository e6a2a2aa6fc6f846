// The HTTP door: opens the server of `runtime { http_listen }` with its bounds, looks at each request's head, hands it to the
// routes and drains at the end. Off the loopback it must never listen without TLS.
import { X509Certificate } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, isIP, type Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { nodeDisk, readWhole } from "../../disk.ts";
import { HttpSettingFailure, hostText, httpPlaceOf, isLoopback } from "./address.ts";
import { App, standardHeaders } from "./app.ts";
import type { Around } from "./asked.ts";
import { ownHosts, type Turned, turnedAway } from "./guard.ts";
import { type HttpLimits, httpLimits } from "./limits.ts";
import { Metrics } from "./metrics.ts";
import { routesOf } from "./routes.ts";

/** `runtime { http_listen, tls_cert_file, tls_key_file }`, the files absolute. */
export interface HttpSettings {
  readonly listen: string;
  readonly certFile: string | null;
  readonly keyFile: string | null;
}

const pemLimitBytes = 256 * 1024;
const handshakeMs = 10_000;

export class HttpDoor {
  readonly #server: Server;
  readonly #around: Around;
  readonly #sockets: Set<Socket>;
  readonly address: string;

  constructor(server: Server, around: Around, sockets: Set<Socket>, address: string) {
    this.#server = server;
    this.#around = around;
    this.#sockets = sockets;
    this.address = address;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** No more connections and no more requests on those that there are; answers under way are finished. */
  finish(): void {
    this.#server.close();
    for (const end of [...this.#around.streams]) end("the daemon ends");
    this.#server.closeIdleConnections();
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Opens the door. Throws HttpSettingFailure, or what the system says of the address. */
export async function openHttpDoor(
  parts: Omit<Around, "limits" | "address" | "streams">,
  settings: HttpSettings,
  limits: HttpLimits = httpLimits,
): Promise<HttpDoor> {
  const place = httpPlaceOf(settings.listen);
  const tls = tlsOf(settings);
  if (tls === null && !isLoopback(place.host)) {
    throw new HttpSettingFailure(
      `\`http_listen\` on ${place.host} needs \`tls_cert_file\` and \`tls_key_file\`: without TLS only the loopback is listened on`,
    );
  }
  let address = "";
  const around: Around = { ...parts, limits, address: () => address, streams: new Set() };
  const metrics = new Metrics(around);
  const app = new App(around, routesOf(metrics), metrics);
  const isOwnHost = ownHosts(place.host, tls === null ? null : tls.certifies);
  const listener = getRequestListener(app.hono.fetch, { overrideGlobalObjects: false });
  /** Connections on which a request was turned away: what stands behind it may be its other half, and is not heard. */
  const distrusted = new WeakSet<Socket>();
  const onRequest = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    if (distrusted.has(incoming.socket)) return;
    let turned: Turned | null;
    try {
      turned = turnedAway(incoming, limits, isOwnHost);
    } catch (error) {
      // Ours; a head must never end the daemon.
      parts.governor.journal.error({ err: error }, "the head of a request could not be looked at");
      turned = { status: 400, code: "BAD_HEAD", message: "the head of the request could not be read" };
    }
    if (turned !== null) {
      distrusted.add(incoming.socket);
      metrics.count("none", turned.status);
      turnAway(outgoing, turned);
      return;
    }
    if (parts.governor.state() === "DRAINING") outgoing.setHeader("connection", "close");
    void listener(incoming, outgoing);
  };
  const server = serverOf(tls, limits, onRequest);
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: place.host, port: place.port, exclusive: true }, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
  server.on("error", (error) => parts.governor.journal.error({ err: error }, "the HTTP door"));
  const { port } = server.address() as AddressInfo;
  address = `${tls === null ? "http" : "https"}://${hostText(place.host)}:${port}`;
  return new HttpDoor(server, around, sockets, address);
}

function serverOf(
  tls: Tls | null,
  limits: HttpLimits,
  onRequest: (incoming: IncomingMessage, outgoing: ServerResponse) => void,
): Server {
  const options = {
    maxHeaderSize: limits.headBytes,
    headersTimeout: limits.headMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.idleMs,
    connectionsCheckingInterval: limits.checkMs,
    insecureHTTPParser: false,
    requireHostHeader: true,
    noDelay: true,
  };
  const server =
    tls === null
      ? createServer(options, onRequest)
      : createTlsServer(
          { ...options, cert: tls.cert, key: tls.key, minVersion: "TLSv1.2", handshakeTimeout: handshakeMs },
          onRequest,
        );
  server.maxConnections = limits.connections;
  server.maxRequestsPerSocket = limits.requestsPerConnection;
  // Asked before the body is sent: looked at like any other, and only then told to go on.
  server.on("checkContinue", (incoming: IncomingMessage, outgoing: ServerResponse) => {
    if (Number(incoming.headers["content-length"] ?? 0) <= limits.bodyBytes) outgoing.writeContinue();
    onRequest(incoming, outgoing);
  });
  return server;
}

/** The connection ends with it: what follows on it was not read, and might be taken for another request. */
function turnAway(outgoing: ServerResponse, { status, code, message }: Turned): void {
  const text = JSON.stringify({ error: { code, message } });
  outgoing.writeHead(status, {
    ...standardHeaders,
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    connection: "close",
  });
  outgoing.end(text);
}

interface Tls {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly certifies: (host: string) => boolean;
}

function tlsOf({ certFile, keyFile }: HttpSettings): Tls | null {
  if (certFile === null && keyFile === null) return null;
  if (certFile === null || keyFile === null) {
    throw new HttpSettingFailure("`tls_cert_file` and `tls_key_file` go together");
  }
  const cert = pemOf("tls_cert_file", certFile);
  const key = pemOf("tls_key_file", keyFile);
  const parsed = new X509Certificate(cert);
  return {
    cert,
    key,
    certifies: (host) => (isIP(host) === 0 ? parsed.checkHost(host) : parsed.checkIP(host)) !== undefined,
  };
}

function pemOf(setting: string, path: string): Buffer {
  try {
    return Buffer.from(readWhole(nodeDisk, path, pemLimitBytes));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new HttpSettingFailure(`\`${setting}\` cannot be read: ${why}`);
  }
}
