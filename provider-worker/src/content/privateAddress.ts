import { BlockList, isIPv6 } from "node:net";

/**
 * IPv4 addresses that are no public hosts: IANA's special-purpose registry (RFC 6890 and its successors), multicast and
 * what is reserved.
 */
const IPV4 = [
  ["0.0.0.0", 8], // this network
  ["10.0.0.0", 8], // private
  ["100.64.0.0", 10], // shared by a carrier's customers
  ["127.0.0.0", 8], // this machine
  ["169.254.0.0", 16], // link-local, metadata services
  ["172.16.0.0", 12], // private
  ["192.0.0.0", 24], // protocol assignments
  ["192.0.2.0", 24], // documentation
  ["192.31.196.0", 24], // AS112
  ["192.52.193.0", 24], // AMT
  ["192.88.99.0", 24], // 6to4 relays
  ["192.168.0.0", 16], // private
  ["192.175.48.0", 24], // AS112
  ["198.18.0.0", 15], // benchmarks
  ["198.51.100.0", 24], // documentation
  ["203.0.113.0", 24], // documentation
  ["224.0.0.0", 3], // multicast, reserved, broadcast
] as const;

/** Within 2000::/3, the only IPv6 addresses of public hosts. */
const IPV6 = [
  ["2001::", 23], // protocol assignments, Teredo, ORCHID
  ["2001:db8::", 32], // documentation
  ["2002::", 16], // 6to4: an IPv4 address inside
  ["2620:4f:8000::", 48], // AS112
  ["3fff::", 20], // documentation
] as const;

const PUBLIC = new BlockList();
PUBLIC.addSubnet("2000::", 3, "ipv6");
const SPECIAL = new BlockList();
for (const [address, prefix] of IPV4) SPECIAL.addSubnet(address, prefix, "ipv4");
for (const [address, prefix] of IPV6) SPECIAL.addSubnet(address, prefix, "ipv6");

/** Whether an address may lead to this machine or a network behind it: everything that is not surely public. */
export function isPrivateAddress(address: string): boolean {
  if (!isIPv6(address)) return SPECIAL.check(address, "ipv4");
  return !PUBLIC.check(address, "ipv6") || SPECIAL.check(address, "ipv6");
}
