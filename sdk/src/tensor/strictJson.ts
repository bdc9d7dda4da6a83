import { TensorError } from "./errors.js";

export type JsonValue = null | boolean | number | string | JsonValue[] | Map<string, JsonValue>;

const TOKEN = /[ \t\n\r]*([{}[\]:,]|"(?:[^"\\\u0000-\u001f]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null)/y;
const MAX_DEPTH = 8;

/** JSON whose objects become maps and whose duplicate keys are errors; `JSON.parse` keeps the last one silently. */
export function parseStrictJson(text: string): JsonValue {
  let position = 0;
  const fail = (what: string): never => {
    throw new TensorError("BAD_FILE", `JSON at character ${position}: ${what}`);
  };
  const next = (): string => {
    TOKEN.lastIndex = position;
    const match = TOKEN.exec(text);
    if (match === null) return fail("unexpected text or end");
    position = TOKEN.lastIndex;
    return match[1] as string;
  };
  const scalar = (token: string): JsonValue => {
    try {
      return JSON.parse(token) as JsonValue;
    } catch {
      return fail(`unexpected ${token}`);
    }
  };
  const value = (token: string, depth: number): JsonValue => {
    if (depth > MAX_DEPTH) return fail("nested too deeply");
    if (token === "{") return object(depth);
    if (token === "[") return array(depth);
    return scalar(token);
  };
  const object = (depth: number): JsonValue => {
    const entries = new Map<string, JsonValue>();
    let token = next();
    if (token === "}") return entries;
    for (;;) {
      const key = token.startsWith('"') ? (scalar(token) as string) : fail("expected a key");
      if (entries.has(key)) fail(`duplicate key ${JSON.stringify(key)}`);
      if (next() !== ":") fail("expected a colon");
      entries.set(key, value(next(), depth + 1));
      token = next();
      if (token === "}") return entries;
      if (token !== ",") fail("expected a comma or brace");
      token = next();
    }
  };
  const array = (depth: number): JsonValue => {
    const items: JsonValue[] = [];
    let token = next();
    if (token === "]") return items;
    for (;;) {
      items.push(value(token, depth + 1));
      token = next();
      if (token === "]") return items;
      if (token !== ",") fail("expected a comma or bracket");
      token = next();
    }
  };
  const result = value(next(), 0);
  if (/[^ \t\n\r]/.test(text.slice(position))) fail("text after the end");
  return result;
}
