// Which addresses of the network are public, and which a host has. What is not known for public must count as private.
import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";

/** IANA's special-purpose address registries: everything there that is not globally reachable, and multicast. */
const special4: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
];

/** Within 2000::/3, the only part of IPv6 that is given out: ways back into IPv4, and what is for documents and tests. */
const special6: readonly (readonly [string, number])[] = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
];

const refused4 = new BlockList();
for (const [net, prefix] of special4) refused4.addSubnet(net, prefix, "ipv4");
const given6 = new BlockList();
given6.addSubnet("2000::", 3, "ipv6");
const refused6 = new BlockList();
for (const [net, prefix] of special6) refused6.addSubnet(net, prefix, "ipv6");

/** `address` as text, without brackets. What is no address is not public. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !refused4.check(address, "ipv4");
  return family === 6 && given6.check(address, "ipv6") && !refused6.check(address, "ipv6");
}

export interface Address {
  readonly address: string;
  readonly family: number;
}

/** Of a URL's host, resolved once; null where one of them is private and may not be. Rejects where the name cannot be resolved. */
export async function addressesOf(hostname: string, allowPrivate: boolean): Promise<readonly Address[] | null> {
  const host = hostname.replace(/^\[|\]$/g, "");
  const family = isIP(host);
  const addresses = family === 0 ? await lookedUp(host) : [{ address: host, family }];
  return allowPrivate || addresses.every(({ address }) => isPublicAddress(address)) ? addresses : null;
}

/** Names that are being looked up. */
const underWay = new Map<string, Promise<readonly Address[]>>();

/** A resolver that hangs outlives the patience of whoever asks: it is asked once for each name, however many come meanwhile. */
function lookedUp(host: string): Promise<readonly Address[]> {
  const known = underWay.get(host);
  if (known !== undefined) return known;
  const answer = lookup(host, { all: true }).finally(() => underWay.delete(host));
  underWay.set(host, answer);
  return answer;
}
