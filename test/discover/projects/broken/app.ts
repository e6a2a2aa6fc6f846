import { tool } from "ai";
export const first = tool({ description: "d" });
const = ;
export const tools = { second: tool({ a: [ }), third: tool({}) };
function (
