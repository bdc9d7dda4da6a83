/** Shorter parts of a URL are names and not keys. */
const SHORTEST_SECRET = 12;

/** What in an RPC URL may be somebody's key: services take it in its path, its query or its user. */
export function secretsOf(rpcUrl: string): string[] {
  const { href, host } = new URL(rpcUrl);
  return href.split(/[/?&=@:#]+/).filter((part) => part.length >= SHORTEST_SECRET && !host.includes(part));
}

/** A text for people and logs without the secrets in it. */
export function redact(text: string, secrets: readonly string[]): string {
  return secrets.reduce((clean, secret) => clean.replaceAll(secret, "***"), text);
}
