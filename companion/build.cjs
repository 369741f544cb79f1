// Builds the scripts that websites load: `node build.cjs OUTPUT_FOLDER`. Each is written under the name of its content,
// and current.json says which ones are current. Files of earlier releases are left where they are: websites load them
// by that name. A test builds again and compares. Packages are found in NODE_PATH too.
"use strict";

const crypto = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const { minify } = require("terser");

const output = process.argv[2];
const options = {
  ecma: 2018,
  toplevel: true,
  enclose: true,
  compress: { ecma: 2018, passes: 3, unsafe: true, unsafe_arrows: true },
  mangle: { toplevel: true },
};

async function build(name) {
  const source = fs.readFileSync(path.join(__dirname, "src", `${name}.js`), "utf8");
  const { code } = await minify(source, options);
  const digest = crypto.createHash("sha256").update(code).digest("hex").slice(0, 16);
  const file = `${name}.${digest}.js`;
  fs.writeFileSync(path.join(output, file), code);
  return [name, file];
}

Promise.all(["companion", "consent"].map(build)).then((built) => {
  const current = JSON.stringify(Object.fromEntries(built), null, 2);
  fs.writeFileSync(path.join(output, "current.json"), `${current}\n`);
});
