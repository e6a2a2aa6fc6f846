// AuthZEN's Authorization API 1.0 over the same decisions: subject, action and resource become an agent, a tool and its
// arguments. It translates, and must never decide: what it cannot translate is no permit.
import * as v from "valibot";
import type { Json, JsonObject } from "../../json.ts";
import { decide } from "./agent-routes.ts";
import { type Asked, isObject, type Reply, type Route, refused, reply } from "./asked.ts";
import * as shapes from "./schemas.ts";

/** Evaluations of one request. */
export const evaluationsMax = 256;
const agents = ["agent"] as const;
/** Members of the context that mean something to a decision; others are not read. */
const carried = [
  "session_id",
  "call_id",
  "request_id",
  "approval_id",
  "model",
  "purpose",
  "cost_usd",
  "tags",
  "http",
  "action_type",
] as const;
const requestIdForm = /^[\x21-\x7e]{1,128}$/;

interface Evaluated {
  readonly decision: boolean;
  readonly context: object;
}

/**
 * The call that an evaluation asks about, or what is wrong with it. A resource of type `tool` is a tool by its id, with the
 * action as its operation and the action's properties as arguments; any other is the tool `<type>/<action>`, with the resource among the arguments.
 */
export function callOf(evaluation: JsonObject): JsonObject | string {
  const isComplete = v.safeParse(shapes.evaluation, evaluation).success;
  if (!isComplete) return "`subject`, `action` and `resource` with their type, id and name are needed";
  const { subject, action, resource } = evaluation as unknown as Record<"subject" | "action" | "resource", JsonObject>;
  const given = isObject(action.properties) ? action.properties : {};
  const context = isObject(evaluation.context) ? evaluation.context : {};
  const call: Record<string, Json> = { agent_id: subject.id ?? null };
  for (const name of carried) if (context[name] !== undefined) call[name] = context[name];
  if (resource.type === "tool") {
    return { ...call, tool: resource.id ?? null, operation: action.name ?? null, args: given };
  }
  if (given.resource !== undefined) return "`action.properties.resource` stands for the resource itself";
  const { type = "", id = "", properties = {} } = resource;
  return {
    ...call,
    tool_id: `${String(type)}/${String(action.name)}`,
    args: { ...given, resource: { id, properties } },
  };
}

async function evaluate(asked: Asked, evaluation: JsonObject): Promise<Evaluated | string> {
  const call = callOf(evaluation);
  if (typeof call === "string") return call;
  const answer = await decide(asked, call, "authzen");
  return { decision: answer.effect === "PERMIT", context: answer };
}

async function one(asked: Asked, evaluation: JsonObject): Promise<Reply> {
  const evaluated = await evaluate(asked, evaluation);
  if (typeof evaluated === "string") return refused(400, "BAD_REQUEST", evaluated);
  return withRequestId(asked, reply(200, evaluated));
}

async function many(asked: Asked): Promise<Reply> {
  const { evaluations, options, ...shared } = asked.body ?? {};
  if (!Array.isArray(evaluations) || evaluations.length === 0) return one(asked, shared);
  if (evaluations.length > evaluationsMax) {
    return refused(400, "BAD_REQUEST", `a request has at most ${evaluationsMax} evaluations`);
  }
  const semantic = isObject(options) ? options.evaluations_semantic : undefined;
  const done: Evaluated[] = [];
  for (const item of evaluations as readonly JsonObject[]) {
    const evaluated = await evaluate(asked, { ...shared, ...item });
    const last = typeof evaluated === "string" ? malformed(evaluated) : evaluated;
    done.push(last);
    if (semantic === "deny_on_first_deny" && !last.decision) break;
    if (semantic === "permit_on_first_permit" && last.decision) break;
  }
  return withRequestId(asked, reply(200, { evaluations: done }));
}

function malformed(message: string): Evaluated {
  return { decision: false, context: { error: { status: 400, message } } };
}

/** Given back as it came, so that both ends' logs name the same request. */
function withRequestId({ incoming }: Asked, answer: Reply): Reply {
  const id = incoming.headers["x-request-id"];
  return typeof id === "string" && requestIdForm.test(id) ? { ...answer, headers: { "x-request-id": id } } : answer;
}

export const authzenRoutes: readonly Route[] = [
  {
    method: "POST",
    path: "/access/v1/evaluation",
    access: agents,
    summary: "AuthZEN 1.0: one evaluation",
    body: shapes.evaluation,
    isChecked: true,
    answers: { 200: shapes.evaluated },
    handle: (asked) => one(asked, asked.body ?? {}),
  },
  {
    method: "POST",
    path: "/access/v1/evaluations",
    access: agents,
    summary: "AuthZEN 1.0: several evaluations",
    body: shapes.evaluations,
    isChecked: true,
    answers: { 200: v.union([shapes.evaluatedList, shapes.evaluated]) },
    handle: many,
  },
  {
    method: "GET",
    path: "/.well-known/authzen-configuration",
    access: "open",
    summary: "AuthZEN 1.0: where the endpoints are",
    answers: { 200: shapes.authzenMetadata },
    handle: ({ around }) => {
      const base = around.address();
      return reply(200, {
        policy_decision_point: base,
        access_evaluation_endpoint: `${base}/access/v1/evaluation`,
        access_evaluations_endpoint: `${base}/access/v1/evaluations`,
      });
    },
  },
];
