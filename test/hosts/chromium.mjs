// The trial in a page: a server of files on a port of the system's choice, and Chromium without a window.
import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const types = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".json": "application/json",
};
/** As Debian installs it; CHROMIUM names another. */
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const pageTimeoutMs = 60_000;

export const hasChromium = () => existsSync(executablePath);

/** Opens a page of the folder, and hands it to `work`; errors of the page fail it. */
export async function inPage({ chromium }, folder, path, work) {
  const server = createServer((request, response) => {
    const file = join(folder, normalize(new URL(request.url, "http://page").pathname));
    if (!existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": types[extname(file)] ?? "application/wasm" });
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  let browser = null;
  try {
    browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
    const page = await browser.newPage();
    const faults = [];
    page.on("pageerror", (error) => faults.push(error.message));
    page.setDefaultTimeout(pageTimeoutMs);
    await page.goto(`http://127.0.0.1:${server.address().port}/${path}`);
    const result = await work(page);
    if (faults.length > 0) throw new Error(faults.join("; "));
    return result;
  } finally {
    await browser?.close();
    server.close();
    server.closeAllConnections();
  }
}

export function tryChromium(packages, folder, builtCount) {
  return inPage(packages, folder, "trial.html", (page) =>
    page.evaluate(async (count) => {
      const evaluator = await import("/node_modules/faramesh-evaluator/small.js");
      const { check } = await import("/check.mjs");
      const vectors = await (await fetch("/vectors.json")).json();
      const names = vectors.filter(({ isBuilt }) => isBuilt).map(({ name }) => name);
      const modules = {};
      for (let i = 0; i < count; i++) {
        modules[names[i]] = await WebAssembly.compileStreaming(fetch(`/built-${i}.wasm`));
      }
      return check(vectors, evaluator, modules);
    }, builtCount),
  );
}
