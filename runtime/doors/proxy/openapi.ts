// An OpenAPI document as the operations that a request may be: which tool each is, and where its arguments stand. Pure. What of the
// document cannot be judged exactly is left out with a sentence, so that its requests are denied. Source: OpenAPI 3.0 and 3.1.
import { type Operation, type Parameter, type Segment, specificity, type ValueKind } from "./operation.ts";

export interface Service {
  readonly operations: readonly Operation[];
  /** Operations that no request can be, and why. */
  readonly leftOut: readonly string[];
}

export class DocumentFailure extends Error {
  readonly code = "OPENAPI_DOCUMENT";
}

export const documentLimitBytes = 4 * 1024 * 1024;
const operationsMax = 4096;
const parametersMax = 128;
const referenceDepthMax = 16;
const methods = ["get", "put", "post", "delete", "patch", "head", "options"] as const;
const toolForm = /^[A-Za-z0-9_.:@-]{1,128}$/;

type Values = { readonly [name: string]: unknown };

/** `document` is what JSON or YAML was read into. Throws DocumentFailure where it is no such document. */
export function serviceOf(document: unknown): Service {
  const root = objectOf(document);
  const version = root?.openapi;
  if (root === null || typeof version !== "string" || !/^3\.[01]\./.test(version)) {
    throw new DocumentFailure("it is no OpenAPI document of version 3.0 or 3.1");
  }
  const paths = objectOf(root.paths);
  if (paths === null) throw new DocumentFailure("it has no `paths`");
  const reader = new Reader(root);
  for (const [path, item] of Object.entries(paths)) reader.readPath(path, item);
  return { operations: reader.operations.sort((a, b) => specificity(b) - specificity(a)), leftOut: reader.leftOut };
}

/** Thrown and caught inside this file only: this operation is left out. */
class LeftOut extends Error {}

class Reader {
  readonly operations: Operation[] = [];
  readonly leftOut: string[] = [];
  readonly #root: Values;
  readonly #tools = new Set<string>();

  constructor(root: Values) {
    this.#root = root;
  }

  readPath(path: string, given: unknown): void {
    const item = this.#resolved(given);
    if (item === null) return;
    for (const method of methods) {
      const operation = this.#own(item, method);
      if (operation === undefined) continue;
      if (this.operations.length >= operationsMax)
        throw new DocumentFailure(`it has more than ${operationsMax} operations`);
      try {
        this.operations.push(this.#operation(path, method, item, operation));
      } catch (error) {
        if (!(error instanceof LeftOut)) throw error;
        this.leftOut.push(`${method.toUpperCase()} ${path}: ${error.message}`);
      }
    }
  }

  #operation(path: string, method: string, item: Values, given: unknown): Operation {
    const operation = this.#resolved(given);
    const tool = operation?.operationId;
    if (operation === null || typeof tool !== "string") throw new LeftOut("it has no operationId");
    if (!toolForm.test(tool)) throw new LeftOut("its operationId is no name of a tool: A-Z a-z 0-9 _ . : @ -");
    if (this.#tools.has(tool)) throw new LeftOut(`the operationId \`${tool}\` is there twice`);
    this.#tools.add(tool);
    const segments = segmentsOf(path);
    const parameters = this.#parameters(item.parameters, operation.parameters);
    for (const segment of segments) {
      if (segment.name === null) continue;
      const isDeclared = parameters.some((one) => one.place === "path" && one.name === segment.name);
      if (!isDeclared) throw new LeftOut(`the path's \`${segment.name}\` is no parameter of it`);
    }
    const body = operation.requestBody === undefined ? null : this.#resolved(operation.requestBody);
    const content = body === null ? null : objectOf(body.content);
    return {
      tool,
      method: method.toUpperCase(),
      segments,
      parameters,
      mediaTypes: content === null ? [] : Object.keys(content).map((type) => type.toLowerCase()),
      needsBody: body?.required === true,
    };
  }

  /** Those of the operation stand before those of its path. */
  #parameters(ofPath: unknown, ofOperation: unknown): readonly Parameter[] {
    const byKey = new Map<string, Parameter>();
    for (const list of [ofPath, ofOperation]) {
      if (list === undefined) continue;
      if (!Array.isArray(list) || list.length > parametersMax) throw new LeftOut("its parameters cannot be read");
      for (const one of list) {
        const parameter = this.#parameter(this.#resolved(one));
        if (parameter !== null) byKey.set(`${parameter.place} ${parameter.name}`, parameter);
      }
    }
    const names = [...byKey.values()].map(({ name }) => name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) throw new LeftOut(`two of its parameters are \`${twice}\``);
    if (names.includes("body")) throw new LeftOut("a parameter is `body`, which is the body's own name");
    return [...byKey.values()];
  }

  /** Null for a cookie, which no rule sees, and for headers that OpenAPI leaves to HTTP. */
  #parameter(given: Values | null): Parameter | null {
    const name = given?.name;
    if (given === null || typeof name !== "string" || name === "") throw new LeftOut("a parameter has no name");
    const place = given.in;
    const isOfHttp = place === "header" && /^(?:accept|content-type|authorization)$/i.test(name);
    if (place === "cookie" || isOfHttp) return null;
    if (place !== "path" && place !== "query" && place !== "header") throw new LeftOut(`\`${name}\` stands nowhere`);
    const style = given.style ?? (place === "query" ? "form" : "simple");
    const isUsual = style === (place === "query" ? "form" : "simple");
    if (given.content !== undefined || !isUsual)
      throw new LeftOut(`\`${name}\` is written in a way that is not read here`);
    const schema = this.#resolved(given.schema ?? {});
    const kind = schema === null ? null : kindOf(schema);
    const isList = kind === "list";
    const items = isList ? kindOf(this.#resolved(schema?.items ?? {}) ?? {}) : kind;
    if (items === null || items === "list") throw new LeftOut(`\`${name}\` is neither a value nor a list of values`);
    const isRepeated = isList && place === "query" && given.explode !== false;
    return {
      name,
      place,
      kind: items,
      list: isList ? (isRepeated ? "repeated" : "commas") : null,
      needed: given.required === true || place === "path",
    };
  }

  /** What a reference within the document stands for; null for what is no object. */
  #resolved(given: unknown): Values | null {
    let value = objectOf(given);
    for (let depth = 0; value !== null && typeof value.$ref === "string"; depth++) {
      if (depth >= referenceDepthMax || !value.$ref.startsWith("#/"))
        throw new LeftOut(`\`${value.$ref}\` is not followed`);
      let at: unknown = this.#root;
      for (const step of value.$ref.slice(2).split("/")) {
        const within: Values | null = objectOf(at);
        at = within === null ? undefined : this.#own(within, step.replaceAll("~1", "/").replaceAll("~0", "~"));
      }
      value = objectOf(at);
      if (value === null) throw new LeftOut("a reference leads nowhere");
    }
    return value;
  }

  #own(values: Values, name: string): unknown {
    return Object.hasOwn(values, name) ? values[name] : undefined;
  }
}

function objectOf(value: unknown): Values | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Values) : null;
}

/** Null for an object. What has no type, or several, is taken as text: as it stands in the request. */
function kindOf(schema: Values): ValueKind | "list" | null {
  const types = Array.isArray(schema.type) ? schema.type.filter((type) => type !== "null") : [schema.type];
  const [type] = types;
  if (types.length !== 1 || type === undefined) return schema.properties === undefined ? "text" : null;
  if (type === "integer" || type === "number" || type === "boolean") return type;
  if (type === "array") return "list";
  return type === "object" ? null : "text";
}

function segmentsOf(path: string): readonly Segment[] {
  if (!path.startsWith("/") || /[?#;%\\]|\.\.?(?:\/|$)/.test(path.replaceAll(/\{[^{}]*\}/g, "x"))) {
    throw new LeftOut("its path is written in a way that is not read here");
  }
  return path
    .slice(1)
    .split("/")
    .map((text) => {
      const match = /^([^{}]*)\{([^{}/]+)\}([^{}]*)$/.exec(text);
      if (match === null && /[{}]/.test(text)) throw new LeftOut("two parameters stand in one segment of its path");
      const [, before = text, name = null, after = ""] = match ?? [];
      return { before, name, after };
    });
}
