// Bundles src/ into a folder: `node build.mjs OUT [--dev]`. What users get (site/) is built by `make site` and shipped.
//
// OUT/index.html names OUT/assets/console-<hash>.js and .css; nothing else is fetched at run time. With --dev the names
// have no hash, the code is not minified and carries its source map.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const [out, mode] = process.argv.slice(2);
if (!out) throw new Error("usage: node build.mjs OUT [--dev]");
const isDev = mode === "--dev";

const built = await build({
  absWorkingDir: HERE,
  entryPoints: { console: "src/main.tsx" },
  outdir: join(HERE, "never-written"),
  write: false,
  bundle: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  minify: !isDev,
  sourcemap: isDev ? "inline" : false,
  legalComments: "none", // the licences of what is bundled stand in LICENSES.txt
  charset: "utf8",
  logLevel: "error",
});

rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, "assets"), { recursive: true });
const names = {};
for (const file of built.outputFiles) {
  const kind = file.path.endsWith(".css") ? "css" : "js";
  const hash = createHash("sha256").update(file.contents).digest("hex").slice(0, 12);
  names[kind] = isDev ? `console.${kind}` : `console-${hash}.${kind}`;
  writeFileSync(join(out, "assets", names[kind]), file.contents);
}
const page = readFileSync(join(HERE, "src", "index.html"), "utf8");
writeFileSync(
  join(out, "index.html"),
  page.replace("{{script}}", `/console/assets/${names.js}`).replace("{{style}}", `/console/assets/${names.css}`),
);
writeFileSync(join(out, "assets", "icon.svg"), readFileSync(join(HERE, "src", "icon.svg")));
writeFileSync(join(out, "LICENSES.txt"), licences());

function licences() {
  const parts = ["The console of opsloop is under the licence of opsloop itself. It contains:\n"];
  for (const name of ["preact", "uplot"]) {
    const folder = join(HERE, "node_modules", name);
    const { version, license, homepage } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    parts.push(`${name} ${version} (${license}), ${homepage ?? ""}\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`);
  }
  return parts.join("\n----\n\n");
}
