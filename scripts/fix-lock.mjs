// npm never installs an optional platform package whose `engines.node` excludes the Node that runs npm, and says
// nothing. The scripts run on the Node of node_modules/.bin, so that check is dropped from the lockfile.
import { readFileSync, writeFileSync } from "node:fs";

const file = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(file, "utf8"));
const wrong = Object.entries(lock.packages).filter(([, entry]) => entry.optional && entry.os && entry.engines);

if (process.argv.includes("--check")) {
  const urls = JSON.stringify(lock).match(/"resolved":"https?:/g)?.length ?? 0;
  if (wrong.length + urls > 0) {
    console.error(`package-lock.json: ${wrong.length} platform entries with engines, ${urls} URLs: npm run lock:fix`);
    process.exit(1);
  }
  console.log("package-lock.json: ok");
} else {
  for (const [, entry] of wrong) delete entry.engines;
  for (const entry of Object.values(lock.packages)) if (/^https?:/.test(entry.resolved ?? "")) delete entry.resolved;
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`package-lock.json: ${wrong.length} entries fixed`);
}
