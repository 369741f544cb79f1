// Bundles the scripts of the console: `node build.cjs OUTPUT_FOLDER`. The output is committed, so that neither users
// nor the wheel need Node; a test builds it again and compares. Packages are found in NODE_PATH too.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const esbuild = require("esbuild");

const output = process.argv[2];

function packageFolder(file) {
  const parts = file.split(path.sep);
  const at = parts.lastIndexOf("node_modules");
  if (at < 0) return null;
  const depth = parts[at + 1].startsWith("@") ? 3 : 2;
  return parts.slice(0, at + depth).join(path.sep);
}

function licence(folder) {
  const about = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));
  const file = fs.readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
  if (!file) throw new Error(`${about.name} has no licence file`);
  const text = fs.readFileSync(path.join(folder, file), "utf8").trim();
  return `${about.name} ${about.version} (${about.license})\n\n${text}\n`;
}

const built = esbuild.buildSync({
  absWorkingDir: __dirname,
  entryPoints: ["src/editor.js"],
  nodePaths: (process.env.NODE_PATH || "").split(path.delimiter).filter(Boolean),
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "utf8",
  legalComments: "none", // all licences are in THIRD_PARTY.txt
  metafile: true,
  outfile: path.resolve(output, "editor.js"),
});

const htmx = require.resolve("htmx.org/dist/htmx.min.js");
fs.writeFileSync(path.join(output, "htmx.js"), fs.readFileSync(htmx));

const bundled = Object.keys(built.metafile.inputs).map((file) => path.resolve(__dirname, file));
const folders = [...new Set([...bundled, htmx].map(packageFolder).filter(Boolean))];
const rule = `\n${"-".repeat(80)}\n\n`;
fs.writeFileSync(path.join(output, "THIRD_PARTY.txt"), folders.map(licence).sort().join(rule));
