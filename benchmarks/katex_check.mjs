// Compiles every LaTeX string of a JSON list with KaTeX, strictly; see latex_compiles.py, which starts it.
import fs from "node:fs";
import { createRequire } from "node:module";

const [folder, file] = process.argv.slice(2);
const katex = createRequire(folder + "/")("katex");
let failed = 0;
const formulas = JSON.parse(fs.readFileSync(file, "utf8"));
for (const formula of formulas) {
  try {
    katex.renderToString(formula, { displayMode: true, throwOnError: true, strict: "error" });
  } catch (error) {
    failed += 1;
    console.log(`${error.message}\n${formula.slice(0, 400)}\n`);
  }
}
console.log(`KaTeX ${katex.version}: ${formulas.length - failed} of ${formulas.length} compiled`);
process.exit(failed ? 1 : 0);
