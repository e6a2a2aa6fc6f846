// A bare connection to an address that was checked, for protocols other than HTTP.
import { connect, type Socket } from "node:net";
import { isPublicAddress } from "./address.ts";
import { pinnedTo } from "./checked.ts";

export interface Connection {
  readonly socket: Socket;
  /** What goes over it may be read on the way. */
  readonly isPublic: boolean;
}

/** `host` as in a URL. Or why it may not be made. Rejects where it could not be; `signal` ends it at any time. */
export async function connectionTo(
  { host, port }: { readonly host: string; readonly port: number },
  allowPrivate: boolean,
  signal: AbortSignal,
): Promise<Connection | string> {
  const lookup = await pinnedTo(host, allowPrivate);
  if (typeof lookup === "string") return lookup;
  const socket = connect({ host: bareHost(host), port, lookup, signal });
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  const address = (socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/i, "");
  return { socket, isPublic: address === "" || isPublicAddress(address) };
}

/** Without the brackets of IPv6. */
export function bareHost(host: string): string {
  return host.replace(/^\[|\]$/g, "");
}
