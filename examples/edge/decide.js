// Decides one call, in Node, Deno and Bun: `node decide.js mail/send '{"to":"ann@example.com"}'`. What it imports is made
// by `faramesh build --target esm --out policy.mjs`.
import process from "node:process";
import { decide } from "./policy.mjs";

const [tool_id = "", args = "{}"] = process.argv.slice(2);
const { effect, code, reason } = decide({ agent_id: "support", tool_id, args: JSON.parse(args) }, { now: Date.now() });
console.log(`${effect} ${code}: ${reason}`);
