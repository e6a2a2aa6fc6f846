// The trial in Node, Deno and Bun: reads the vectors and built modules beside it, prints what `check` found as JSON.
import { readFileSync } from "node:fs";
import * as evaluator from "faramesh-evaluator";
import { check } from "./check.mjs";

const here = (name) => new URL(name, import.meta.url);
const vectors = JSON.parse(readFileSync(here("./vectors.json"), "utf8"));
const modules = {};
for (const [i, { name }] of vectors.filter(({ isBuilt }) => isBuilt).entries()) {
  modules[name] = new WebAssembly.Module(readFileSync(here(`./built-${i}.wasm`)));
}
console.log(JSON.stringify(check(vectors, evaluator, modules)));
