/** A text for people and logs without the secrets in it. */
export type Redact = (text: string) => string;

/** Parts of this length are keys wherever they stand, and no words of their own. */
const LONG = 12;
/** Parts of this length with a digit in them are keys where they stand alone. */
const MIDDLE = 6;
const HIDDEN = "***";

/**
 * Hides what in an RPC URL may be somebody's key: services take it in its user, its path or its query. Whatever follows
 * the host is hidden with the host, as a path, as `name=value` and as credentials, however short it is; alone only if
 * it is too long to be a word of the text.
 */
export function redactor(rpcUrl: string): Redact {
  const rules = [...urlRules(rpcUrl), ...contextRules(new URL(rpcUrl)), ...partRules(new URL(rpcUrl))];
  return (text) => rules.reduce((clean, { pattern, by }) => clean.replace(pattern, () => by), text);
}

interface Rule {
  pattern: RegExp;
  by: string;
}

/** URLs of the service, and the credentials in any URL. */
function urlRules(rpcUrl: string): Rule[] {
  const { href, protocol, host, username, password, pathname, search, hash } = new URL(rpcUrl);
  const user = username || password ? `${HIDDEN}@` : "";
  const more = pathname.length > 1 || search || hash ? `/${HIDDEN}` : "";
  const wholes = user || more ? [rpcUrl, href] : [];
  return [
    ...wholes.map((whole) => ({ pattern: exactly(whole), by: `${protocol}//${user}${host}${more}` })),
    { pattern: /:\/\/[^\s/?#"]*@/g, by: `://${HIDDEN}@` },
    // Without the punctuation of the sentence it stands in.
    { pattern: new RegExp(`${literal(host)}[/?#][^\\s"<>\\\\,;)]*[^\\s"<>\\\\,;).:']`, "gi"), by: `${host}/${HIDDEN}` },
  ];
}

/** Path, query and credentials apart from their host, where nothing else can be meant. */
function contextRules({ username, password, pathname, search, searchParams, hash }: URL): Rule[] {
  const rules: Rule[] = [];
  for (const [user, secret] of [
    [username, password],
    [decoded(username), decoded(password)],
  ] as const) {
    if (!user && !secret) continue;
    rules.push({ pattern: alone(`${user}:${secret}`), by: HIDDEN });
    rules.push({ pattern: exactly(Buffer.from(`${user}:${secret}`).toString("base64")), by: HIDDEN });
  }
  const path = pathname.replace(/\/$/, "");
  if (path) rules.push({ pattern: alone(path + search + hash), by: HIDDEN }, { pattern: alone(path), by: HIDDEN });
  for (const given of [...search.slice(1).split("&"), ...[...searchParams].map((pair) => pair.join("="))]) {
    const [, name, value] = /^([^=]*)=(.+)$/s.exec(given) ?? [];
    if (name !== undefined && value) rules.push({ pattern: alone(`${name}=${value}`), by: `${name}=${HIDDEN}` });
  }
  return rules;
}

/** Parts that are no words. */
function partRules(url: URL): Rule[] {
  const parts = [url.username, url.password, url.pathname, url.search, url.hash].flatMap((each) => [
    ...each.split(/[/?&=#]+/),
    ...decoded(each).split(/[/?&=#]+/),
  ]);
  return [...new Set(parts)].flatMap((part) => {
    if (url.host.includes(part)) return [];
    if (part.length >= LONG) return [{ pattern: exactly(part), by: HIDDEN }];
    return part.length >= MIDDLE && /\d/.test(part) ? [{ pattern: alone(part), by: HIDDEN }] : [];
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Also as it stands in a line of JSON. */
function exactly(text: string): RegExp {
  return new RegExp(forms(text), "g");
}

/** Not as a part of a longer word or path. */
function alone(text: string): RegExp {
  return new RegExp(`(?<![\\w/.~%-])(?:${forms(text)})(?![\\w/~%-])`, "g");
}

function forms(text: string): string {
  return [...new Set([text, JSON.stringify(text).slice(1, -1)])].map(literal).join("|");
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
}
