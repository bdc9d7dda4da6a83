/** Every relative link of every Markdown file leads to a file, and every anchor to a heading. Other links are not read. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";

const ROOT = path.resolve(import.meta.dirname, "..");
const SKIPPED = new Set(["node_modules", "dist", "artifacts", "cache", "coverage", ".git", ".demo"]);

/** Markdown files below a folder, as paths from the root. */
function markdownFiles(folder: string): string[] {
  return readdirSync(path.join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = path.posix.join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : markdownFiles(name);
    return entry.name.endsWith(".md") ? [name] : [];
  });
}

/** The text without fenced blocks: what looks like a link or a heading there is neither. */
function prose(file: string): string {
  return readFileSync(path.join(ROOT, file), "utf8").replace(/^( *)(```|~~~)[\s\S]*?^\1\2/gm, "");
}

/** The anchors that GitHub makes of a file's headings. */
function anchorsOf(file: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ""] of prose(file).matchAll(/^#{1,6} +(.+?) *$/gm)) {
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const slug = text.replace(/[^\p{L}\p{N}\p{M}_ -]/gu, "").replaceAll(" ", "-");
    let anchor = slug;
    for (let i = 1; anchors.has(anchor); i++) anchor = `${slug}-${i}`;
    anchors.add(anchor);
  }
  return anchors;
}

function linksOf(file: string): string[] {
  const text = prose(file).replace(/`[^`\n]*`/g, "");
  const inline = [...text.matchAll(/\]\(<?([^()\s>]+)>?(?: +"[^"]*")?\)/g)];
  const reference = [...text.matchAll(/^\[[^\]]+\]: *<?(\S+?)>?$/gm)];
  return [...inline, ...reference].map(([, target = ""]) => target);
}

/** What is wrong with a link, if anything. */
function problem(file: string, link: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:/i.test(link)) return undefined;
  const [target = "", anchor] = link.split("#");
  const found = target === "" ? file : path.posix.join(path.posix.dirname(file), decodeURI(target));
  if (found.startsWith("..") || target.startsWith("/")) return "leads out of the repository";
  if (!existsSync(path.join(ROOT, found))) return `there is no ${found}`;
  if (anchor === undefined) return undefined;
  if (statSync(path.join(ROOT, found)).isDirectory() || !found.endsWith(".md")) return `${found} has no headings`;
  return anchorsOf(found).has(anchor) ? undefined : `${found} has no heading #${anchor}`;
}

let links = 0;
const files = markdownFiles(".");
const wrong = files.flatMap((file) =>
  linksOf(file).flatMap((link) => {
    links++;
    const what = problem(file, link);
    return what ? [`${file}: ${link}: ${what}`] : [];
  }),
);
for (const line of wrong) console.error(line);
if (wrong.length > 0) process.exitCode = 1;
console.log(`${links} links in ${files.length} files, ${wrong.length} broken`);
