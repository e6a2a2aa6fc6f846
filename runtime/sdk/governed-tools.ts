// Puts a decision before every call of an agent's tools and gives them back in the shape in which they came.
// It must never run a line of a tool that has no permit for exactly the arguments it will get.
import type { JsonObject } from "../json.ts";
import { type Call, type CallForm, entranceOf, functionCall } from "./entrances.ts";
import { type Entry, Gate, type GovernOptions } from "./gate.ts";
import { ToolDeniedError } from "./tool-denied-error.ts";

type AnyFunction = (...args: never[]) => unknown;

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
 * Governs a set of tools: a record or array of tool objects (the Vercel AI SDK's with `execute`, LangChain's, function
 * tools of the OpenAI Agents SDK), a record or array of plain functions, or one function. The tool's name is the key, in
 * arrays its `name`, changed by `options.toolName`. A denied or deferred call rejects with ToolDeniedError, which these
 * frameworks hand to the model as the tool's error.
 *
 * Arguments are a tool object's input, or a function's only argument when that is a plain object; other argument
 * lists are judged as `{"args": […]}`. They must be plain JSON, and the tool gets the copy that was judged.
 *
 * Tool objects without a way to call them are run by the client or the model's provider, not here: they pass through untouched
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

function wrapToolObject(tool: object, name: string, gate: Gate): object {
  const entrance = entranceOf(tool, name);
  if (entrance === null) return tool;
  const governed = governedCall(entrance.run, tool, name, gate, entrance.form);
  const value = { value: governed, enumerable: true, configurable: true, writable: true };
  return Object.create(Object.getPrototypeOf(tool), {
    ...Object.getOwnPropertyDescriptors(tool),
    [entrance.member]: value,
  });
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
    let entry: Entry;
    try {
      entry = await gate.enter(tool, call.args, call.signal);
    } catch (error) {
      if (call.refused === undefined || !(error instanceof ToolDeniedError)) throw error;
      return call.refused(error);
    }
    if (!entry.permitted) return entry.substitute;
    const { args } = entry;
    return call.result(await entry.run(() => run.apply(owner ?? this, call.parameters(args))));
  };
}

async function* stream(asked: Promise<Entry>, run: (args: JsonObject) => AsyncIterable<unknown>): AsyncGenerator {
  const entry = await asked;
  if (entry.permitted) yield* entry.run(() => run(entry.args));
  else yield entry.substitute;
}
