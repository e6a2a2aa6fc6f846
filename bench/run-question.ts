// Runs one question in this process and prints its figures as JSON: `run-question.ts <name> <folder of bundles> [--short]`.
// A system that answers wrongly throws, and the process ends with a failure and no figures.
import type { Question } from "./question.ts";
import { FULL, SHORT } from "./timing.ts";

const [name = "", bundles = "", form] = process.argv.slice(2);
const { question } = (await import(new URL(`./questions/${name}.ts`, import.meta.url).href)) as { question: Question };
const short = form === "--short";
const figures = await question.measure({ pace: short ? SHORT : FULL, short, bundles });
process.stdout.write(`${JSON.stringify(figures)}\n`);
