// Prints the path of a Chromium that runs here; the package holds it compressed and unpacks it once.
"use strict";

(async () => {
  const { default: chromium } = await import(require.resolve("@sparticuz/chromium"));
  process.stdout.write(await chromium.executablePath());
})();
