// Where the libraries call a tool, and how their parameters become the arguments that are judged. A tool with an entrance
// that is not known here is refused: letting it through would leave it ungoverned.
import type { JsonObject } from "../json.ts";
import { isPlainObject } from "./plain-arguments.ts";
import type { ToolDeniedError } from "./tool-denied-error.ts";

export type Call = (...args: unknown[]) => unknown;

/** How a list of parameters becomes the arguments that are judged, and how judged ones become parameters again. */
export interface CallForm {
  readonly args: object;
  readonly signal?: AbortSignal | undefined;
  parameters(args: JsonObject): unknown[];
  /** What the outcome of the call is, once it is there. */
  result(value: unknown): unknown;
  /** What the framework gets for a refused call, where an error would end the whole run; throws to refuse with an error. */
  refused?(error: ToolDeniedError): unknown;
}

/** The member of a tool object through which every call of it goes. */
interface Entrance {
  readonly member: string;
  readonly run: Call;
  readonly form: (list: readonly unknown[]) => CallForm;
}

interface ToolObject {
  readonly type?: unknown;
  readonly execute?: unknown;
  readonly invoke?: unknown;
  readonly _call?: unknown;
  readonly outputSchema?: unknown;
  readonly [member: string]: unknown;
}

/** Ways in which other libraries call a tool, and local machines that the OpenAI Agents SDK drives by tool objects. */
const otherEntrances = ["invoke", "func", "call", "handler", "run", "shell", "computer", "editor"];

/** Null for a tool that is run by the client or the model's provider. Throws TypeError for one that cannot be governed. */
export function entranceOf(tool: object, name: string): Entrance | null {
  const { execute, invoke, _call, type, outputSchema } = tool as ToolObject;
  if (typeof execute === "function") return { member: "execute", run: execute as Call, form: toolCall };
  // LangChain's own `invoke` reads the model's call and checks its input, then it calls this.
  if (typeof _call === "function" && typeof invoke === "function") {
    return { member: "_call", run: _call as Call, form: langChainCall };
  }
  if (type === "function" && typeof invoke === "function") {
    const form = (list: readonly unknown[]) => openAiCall(list, outputSchema !== undefined);
    return { member: "invoke", run: invoke as Call, form };
  }
  const other = otherEntrances.find((key) => isDoor((tool as ToolObject)[key]));
  if (other === undefined) return null;
  throw new TypeError(`tool ${name} is called by \`${other}\`; this kind of tool cannot be governed`);
}

function isDoor(member: unknown): boolean {
  return typeof member === "function" || (typeof member === "object" && member !== null);
}

/** `execute(input, options)`: the input is judged, the options (messages, abort signal) come from the framework. */
function toolCall(list: readonly unknown[]): CallForm {
  const signal = (list[1] as { abortSignal?: unknown } | undefined)?.abortSignal;
  return { ...inputFirst(list), signal: signalOf(signal), result: lastValue };
}

/** `_call(input, runManager, config)`: the input as its schema gave it; a stream is read by LangChain itself. */
function langChainCall(list: readonly unknown[]): CallForm {
  const signal = (list[2] as { signal?: unknown } | undefined)?.signal;
  return { ...inputFirst(list), signal: signalOf(signal), result: same };
}

function inputFirst(list: readonly unknown[]): Pick<CallForm, "args" | "parameters"> {
  const [input, ...rest] = list;
  if (isPlainObject(input)) return { args: input, parameters: (args) => [args, ...rest] };
  if (input === undefined) return { args: {}, parameters: () => list.slice() };
  return { args: { input }, parameters: (args) => [args.input, ...rest] };
}

/**
 * `invoke(context, text, details)`, as in the OpenAI Agents SDK. What it rejects with ends the run, so a refusal is a
 * text for the model, as the SDK makes one of an error inside the tool; where the tool's output has a schema, which no
 * such text fits, the SDK ends the run as well.
 */
function openAiCall(list: readonly unknown[], hasOutputSchema: boolean): CallForm {
  const [context, input, ...rest] = list;
  const given = parsed(input);
  const details = rest[0] as { signal?: unknown } | undefined;
  return {
    args: isPlainObject(given) ? given : { input: given },
    signal: signalOf(details?.signal),
    parameters: (args) => {
      if (input === "") return list.slice();
      return [context, isPlainObject(given) ? JSON.stringify(args) : input, ...rest];
    },
    result: same,
    refused: (error) => {
      if (hasOutputSchema) throw error;
      return error.message;
    },
  };
}

/** What is no JSON is judged as the text that it is; the tool refuses it by its own rules. */
function parsed(input: unknown): unknown {
  if (input === "") return {};
  if (typeof input !== "string") return input;
  try {
    return JSON.parse(input);
  } catch {
    return input;
  }
}

export function functionCall(list: readonly unknown[]): CallForm {
  const given = list.slice(0, list.findLastIndex((value) => value !== undefined) + 1);
  if (given.length === 0) return { args: {}, parameters: () => [], result: same };
  if (given.length === 1 && isPlainObject(given[0])) {
    return { args: given[0], parameters: (args) => [args], result: same };
  }
  return { args: { args: given }, parameters: (args) => args.args as unknown[], result: same };
}

function signalOf(value: unknown): AbortSignal | undefined {
  return value instanceof AbortSignal ? value : undefined;
}

function same(value: unknown): unknown {
  return value;
}

/** The AI SDK sees only whether `execute` *returns* an iterable, which cannot be known before it may run. */
async function lastValue(value: unknown): Promise<unknown> {
  if (typeof value !== "object" || value === null || !(Symbol.asyncIterator in value)) return value;
  let last: unknown;
  for await (const item of value as AsyncIterable<unknown>) last = item;
  return last;
}
