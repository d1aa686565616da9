/** Holds the rules of README.md that a linter does not know: file sizes, default exports, barrels, and who imports what. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

const root = new URL("../src", import.meta.url).pathname;
const problems = [];

for (const file of walk(root)) {
  const name = relative(root, file);
  if (name.startsWith("gen/")) continue;
  const text = readFileSync(file, "utf8");
  const lines = text.split("\n").length;
  if (lines > 500) problems.push(`${name}: ${lines} lines; split it (at most 500)`);
  if (!/\.(ts|tsx)$/.test(name)) continue;
  if (/(^|\/)index\.tsx?$/.test(name)) problems.push(`${name}: no barrel files; import from the file itself`);
  if (/^export default/m.test(text) && !/^pages\/.*Page\.tsx$/.test(name)) problems.push(`${name}: only pages have a default export`);
  if (/from "(\.\.?\/)+gen\//.test(text) && !name.startsWith("api/") && !name.endsWith(".test.ts")) problems.push(`${name}: generated code is imported behind src/api only`);
  if (name.startsWith("ui/") && /from "(\.\.\/)(api|pages|forms|layouts|live|charts)\//.test(text)) problems.push(`${name}: src/ui knows no queries, forms or pages`);
  if (/from "uplot/.test(text) && !name.startsWith("charts/")) problems.push(`${name}: uPlot is known to src/charts only`);
}

for (const problem of problems) console.error(problem);
process.exit(problems.length > 0 ? 1 : 0);

function* walk(dir) {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) yield* walk(path);
    else yield path;
  }
}
