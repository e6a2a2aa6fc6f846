// Puts a decision before every call of an agent's tools and gives them back in the shape in which they came.
// It must never run a line of a tool that has no permit for exactly the arguments it will get.
import type { JsonObject } from "../json.ts";
import { type Entry, Gate, type GovernOptions } from "./gate.ts";
import { isPlainObject } from "./plain-arguments.ts";

type AnyFunction = (...args: never[]) => unknown;
type Call = (...args: unknown[]) => unknown;

/** A plain function answers later than it did, since the decision comes first; one that did already keeps its type. */
export type GovernedFunction<F extends AnyFunction> = F extends (
  ...args: never[]
) => PromiseLike<unknown> | AsyncIterable<unknown>
  ? F
  : ((...args: Parameters<F>) => Promise<Awaited<ReturnType<F>>>) & { [K in keyof F]: F[K] };

type GovernedMember<M> = M extends AnyFunction ? GovernedFunction<M> : M;

/** Tool objects keep their types to the letter; only plain synchronous functions become asynchronous. */
export type Governed<T> = T extends AnyFunction ? GovernedFunction<T> : { [K in keyof T]: GovernedMember<T[K]> };

/**
 * Governs a set of tools: a record or array of tool objects with `execute` (the Vercel AI SDK's `tool({…})`), a record
 * or array of plain functions, or one function. The tool's name is the key, in arrays its `name`, changed by
 * `options.toolName`. A denied or deferred call rejects with ToolDeniedError.
 *
 * Arguments are a tool object's input, or a function's only argument when that is a plain object; other argument
 * lists are judged as `{"args": […]}`. They must be plain JSON, and the tool gets the copy that was judged.
 *
 * Tool objects without `execute` are run by the client or the model's provider, not here: they pass through untouched
 * and are NOT governed. An `execute` that is an async generator function streams as before; one that merely returns
 * an async iterable is read to its end, and its last value is the result.
 *
 * Throws TypeError for what it cannot govern: nameless functions in arrays, tools with another way to be called.
 */
export function governedTools<T extends object>(tools: T, options: GovernOptions): Governed<T> {
  const gate = new Gate(options);
  return wrapSet(tools, gate) as Governed<T>;
}

function wrapSet(tools: object, gate: Gate): unknown {
  if (typeof tools === "function") return wrapFunction(tools as Call, nameOf(tools, "the function"), gate);
  if (Array.isArray(tools)) {
    return tools.map((tool: unknown, index) => wrapMember(tool, nameOf(tool, `tools[${index}]`), gate));
  }
  const out: Record<string, unknown> = Object.create(Object.getPrototypeOf(tools));
  for (const key of Object.keys(tools)) {
    // defineProperty, so that a tool called __proto__ is a tool.
    const value = wrapMember((tools as Record<string, unknown>)[key], key, gate);
    Object.defineProperty(out, key, { value, enumerable: true, configurable: true, writable: true });
  }
  return out;
}

function wrapMember(member: unknown, name: string, gate: Gate): unknown {
  if (typeof member === "function") return wrapFunction(member as Call, name, gate);
  if (typeof member === "object" && member !== null) return wrapToolObject(member, name, gate);
  throw new TypeError(`tool ${name} is neither a function nor an object with \`execute\``);
}

function nameOf(tool: unknown, place: string): string {
  const name: unknown = (tool as { name?: unknown } | null | undefined)?.name;
  if (typeof name === "string" && name !== "") return name;
  throw new TypeError(`${place} has no name; put the tools into a record, whose keys are their names`);
}

/** Ways in which other libraries call a tool; letting such an object through would leave it ungoverned. */
const otherEntrances = ["invoke", "func", "call", "handler", "run"];

function wrapToolObject(tool: object, name: string, gate: Gate): object {
  const execute: unknown = (tool as { execute?: unknown }).execute;
  if (typeof execute !== "function") {
    const entrance = otherEntrances.find((key) => typeof (tool as Record<string, unknown>)[key] === "function");
    if (entrance === undefined) return tool;
    throw new TypeError(`tool ${name} has \`${entrance}\` and no \`execute\`; this kind of tool cannot be governed`);
  }
  const governed = governedCall(execute as Call, tool, name, gate, toolCall);
  const value = { value: governed, enumerable: true, configurable: true, writable: true };
  return Object.create(Object.getPrototypeOf(tool), { ...Object.getOwnPropertyDescriptors(tool), execute: value });
}

function wrapFunction(run: Call, name: string, gate: Gate): Call {
  const governed = governedCall(run, undefined, name, gate, functionCall);
  // Name and length, and whatever a framework has hung onto the function.
  const { prototype: _, ...own } = Object.getOwnPropertyDescriptors(run);
  for (const [key, descriptor] of Object.entries(own)) {
    Object.defineProperty(governed, key, { ...descriptor, configurable: true });
  }
  return governed;
}

/** How a list of parameters becomes the arguments that are judged, and how judged ones become parameters again. */
interface CallForm {
  readonly args: object;
  readonly signal?: AbortSignal | undefined;
  parameters(args: JsonObject): unknown[];
  /** What the outcome of the call is, once it is there. */
  result(value: unknown): unknown;
}

/** `execute(input, options)`: the input is judged, the options (messages, abort signal) come from the framework. */
function toolCall(list: readonly unknown[]): CallForm {
  const [input, ...rest] = list;
  const signal = (rest[0] as { abortSignal?: unknown } | undefined)?.abortSignal;
  const shared = { signal: signal instanceof AbortSignal ? signal : undefined, result: lastValue };
  if (isPlainObject(input)) return { ...shared, args: input, parameters: (args) => [args, ...rest] };
  if (input === undefined) return { ...shared, args: {}, parameters: () => list.slice() };
  return { ...shared, args: { input }, parameters: (args) => [args.input, ...rest] };
}

function functionCall(list: readonly unknown[]): CallForm {
  const given = list.slice(0, list.findLastIndex((value) => value !== undefined) + 1);
  const result = (value: unknown): unknown => value;
  if (given.length === 0) return { args: {}, parameters: () => [], result };
  if (given.length === 1 && isPlainObject(given[0])) return { args: given[0], parameters: (args) => [args], result };
  return { args: { args: given }, parameters: (args) => args.args as unknown[], result };
}

function governedCall(run: Call, owner: unknown, key: string, gate: Gate, form: (list: unknown[]) => CallForm): Call {
  const tool = gate.toolName(key);
  if (Object.prototype.toString.call(run) === "[object AsyncGeneratorFunction]") {
    return function (this: unknown, ...list) {
      const call = form(list);
      // Asked at once, so that nobody can change the arguments between the call and the first read.
      const entry = gate.enter(tool, call.args, call.signal);
      // Without this, a stream that nobody reads would end the process with an unhandled rejection.
      entry.catch(() => {});
      return stream(entry, (args) => run.apply(owner ?? this, call.parameters(args)) as AsyncIterable<unknown>);
    };
  }
  return async function (this: unknown, ...list) {
    const call = form(list);
    const entry = await gate.enter(tool, call.args, call.signal);
    if (!entry.permitted) return entry.substitute;
    return call.result(await run.apply(owner ?? this, call.parameters(entry.args)));
  };
}

async function* stream(asked: Promise<Entry>, run: (args: JsonObject) => AsyncIterable<unknown>): AsyncGenerator {
  const entry = await asked;
  if (entry.permitted) yield* run(entry.args);
  else yield entry.substitute;
}

/** The AI SDK sees only whether `execute` *returns* an iterable, which cannot be known before it may run. */
async function lastValue(value: unknown): Promise<unknown> {
  if (typeof value !== "object" || value === null || !(Symbol.asyncIterator in value)) return value;
  let last: unknown;
  for await (const item of value as AsyncIterable<unknown>) last = item;
  return last;
}
