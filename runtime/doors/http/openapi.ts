// The OpenAPI 3.1 document of the HTTP door, made from the table of its routes and the schemas that its requests are checked
// against. It describes and never serves.
import { toJsonSchema } from "@valibot/to-json-schema";
import type { Route, Schema } from "./asked.ts";
import { refusal } from "./schemas.ts";

type Member = Readonly<Record<string, unknown>>;

/** The document for `routes`, as an object of JSON. */
export function openApiOf(routes: readonly Route[], version: string): Member {
  const paths: Record<string, Record<string, Member>> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return {
    openapi: "3.1.0",
    info: { title: "faramesh", version, description: "Decisions for AI agents before their tools run." },
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      schemas: { Refusal: schemaOf(refusal) },
    },
  };
}

export function schemaOf(schema: Schema): Member {
  const { $schema: _dialect, ...rest } = toJsonSchema(schema, { errorMode: "ignore" });
  return rest;
}

function operationOf(route: Route): Member {
  const answers = Object.entries(route.answers).map(([status, schema]) => {
    const type = status === "200" ? (route.type ?? "application/json") : "application/json";
    return [
      status,
      { description: wordOf(Number(status)), content: { [type]: { schema: schemaOf(schema) } } },
    ] as const;
  });
  return {
    summary: route.summary,
    operationId: `${route.method.toLowerCase()}${route.path.replace(/[^A-Za-z0-9]+/g, "_")}`,
    ...(route.access === "open" ? { security: [] } : { security: [{ token: [] }], "x-roles": route.access }),
    parameters: [...pathParameters(route.path), ...queryParameters(route.query)],
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: true, content: { "application/json": { schema: schemaOf(route.body) } } } }),
    responses: {
      ...Object.fromEntries(answers),
      default: {
        description: "refused",
        content: { "application/json": { schema: { $ref: "#/components/schemas/Refusal" } } },
      },
    },
  };
}

function wordOf(status: number): string {
  return status < 300 ? "answered" : "not carried out";
}

function pathParameters(path: string): readonly Member[] {
  return [...path.matchAll(/\{([a-z_]+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function queryParameters(query: Schema | undefined): readonly Member[] {
  if (query === undefined) return [];
  const { properties = {} } = schemaOf(query) as { properties?: Readonly<Record<string, Member>> };
  return Object.entries(properties).map(([name, schema]) => ({ name, in: "query", required: false, schema }));
}
