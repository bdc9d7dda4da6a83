import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { isIP, isIPv6 } from "node:net";

import { isPrivateAddress } from "./privateAddress.js";

/** Hextets of the largest IPv6 network that one customer gets: a /48. */
const NETWORK = 3;

/** Whom a connection counts for. On a private network it is a proxy's, which speaks for many: each counts for itself. */
export function originOfConnection({ remoteAddress = "", remotePort = 0 }: Socket): string {
  const address = plain(remoteAddress);
  return isIP(address) === 0 || isPrivateAddress(address) ? `${address} ${remotePort}` : networkOf(address);
}

/**
 * Whom a request counts for: what a proxy on a private network added to X-Forwarded-For, its last entry, or else whom the
 * connection counts for. Strangers write what they like into that header, so nobody else's is believed.
 */
export function originOf({ headers, socket }: IncomingMessage): string {
  const proxy = plain(socket.remoteAddress ?? "");
  const forwarded = plain(
    String(headers["x-forwarded-for"] ?? "")
      .split(",")
      .at(-1)
      ?.trim() ?? "",
  );
  const isProxied = isIP(proxy) !== 0 && isPrivateAddress(proxy) && isIP(forwarded) !== 0;
  return isProxied ? networkOf(forwarded) : originOfConnection(socket);
}

/** An IPv4 address as such, also where the system maps it into IPv6. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, "");
}

/** An IPv4 address, or the network of an IPv6 one. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.split("::");
  const before = head.split(":").filter(Boolean);
  const after = (tail ?? "").split(":").filter(Boolean);
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const hextets = [...before, ...Array<string>(zeros).fill("0"), ...after];
  return hextets
    .slice(0, NETWORK)
    .map((each) => parseInt(each, 16).toString(16))
    .join(":");
}
