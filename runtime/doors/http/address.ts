// Where the HTTP door listens, read from `runtime { http_listen }`, and whether that needs TLS. Pure: it opens nothing.
import { BlockList, isIP } from "node:net";

export interface HttpPlace {
  /** A name or an address without brackets. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** The setting cannot be carried out. */
export class HttpSettingFailure extends Error {
  readonly code = "HTTP_SETTING";
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** `127.0.0.1:8787`, `localhost:8787`, `[::1]:8787`, `0.0.0.0:8443`. Throws HttpSettingFailure. */
export function httpPlaceOf(text: string): HttpPlace {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  const isWrong = host === undefined || !(port <= 65_535) || (match?.[1] !== undefined && isIP(host) !== 6);
  if (isWrong) throw new HttpSettingFailure("`http_listen` is an address and a port, such as 127.0.0.1:8787");
  return { host, port };
}

export function isLoopback(host: string): boolean {
  if (host.toLowerCase() === "localhost") return true;
  const family = isIP(host);
  return family !== 0 && loopback.check(host, family === 6 ? "ipv6" : "ipv4");
}

/** As it stands in a URL. */
export function hostText(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}
