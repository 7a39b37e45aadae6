// usage: node schemas.mjs PROGRAM
// Prints the JSON Schemas of the protocol's revisions that the suite's program has in
// itself, as one JSON object by revision. They are objects of JavaScript there, which
// one table names: {"2025-03-26":a,"2025-06-18":b,"2025-11-25":c,[latest]:d}.
import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";

const REVISIONS = ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];
const text = readFileSync(process.argv[2], "utf8");

const name = "([\\w$]+)";
const rows = REVISIONS.slice(0, 3).map((one) => `"${one}":${name},`).join("");
const table = new RegExp(`\\{${rows}\\[[\\w$]+\\]:${name}\\}`).exec(text);
if (!table) throw new Error("the table of schemas is not where it was");

// From an opening brace to its closing one; braces in texts do not count.
function literal(start) {
  const token = /[{}]|(["'`])(?:\\.|(?!\1)[^\\])*\1/gsy;
  let depth = 0;
  for (let at = start; at < text.length; ) {
    token.lastIndex = at;
    const found = token.exec(text);
    if (found?.[0] === "{") depth += 1;
    if (found?.[0] === "}" && (depth -= 1) === 0) return text.slice(start, at + 1);
    at += found ? found[0].length : 1;
  }
  throw new Error("a schema has no end");
}

function schema(identifier) {
  const opening = `${identifier}={$schema:`;
  const at = Math.max(text.indexOf(`,${opening}`), text.indexOf(` ${opening}`));
  if (at < 0) throw new Error(`no schema is called ${identifier}`);
  return runInNewContext(`(${literal(text.indexOf("{", at))})`);
}

const schemas = REVISIONS.map((one, index) => [one, schema(table[index + 1])]);
process.stdout.write(JSON.stringify(Object.fromEntries(schemas)));
