// One request on its way through the HTTP door, and the reply to it: what every route is given and gives back.
import type { IncomingMessage, ServerResponse } from "node:http";
import type * as v from "valibot";
import type { Decider } from "../../decide.ts";
import type { Desk, House } from "../../desk.ts";
import { JsonNumber } from "../../evaluator/number.ts";
import type { FloodGate } from "../../flood.ts";
import type { Governor } from "../../governor.ts";
import type { Identity } from "../../identity.ts";
import { canonicalJson, type Json, type JsonObject } from "../../json.ts";
import type { ActivePolicy } from "../../policy.ts";
import type { TokenRole, TokenView } from "../../tokens.ts";
import type { HttpLimits } from "./limits.ts";

/** What the door works with. */
export interface Around {
  readonly governor: Governor;
  readonly decider: Decider;
  readonly desk: Desk;
  readonly house: House;
  readonly limits: HttpLimits;
  /** `https://127.0.0.1:8787`. */
  readonly address: () => string;
  /** Streams that are open; each is called with why, and ends. */
  readonly streams: Set<(reason: string) => void>;
}

export interface Caller {
  readonly token: TokenView;
  readonly identity: Identity;
  readonly gate: FloodGate;
}

export interface Asked {
  readonly around: Around;
  /** Null where the route is open. */
  readonly caller: Caller | null;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** Null where the request has none. */
  readonly body: JsonObject | null;
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

export interface Reply {
  readonly status: number;
  readonly text: string;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The route has written its answer itself. */
export const answered = Symbol("answered");

export type Schema = v.GenericSchema;

export interface Route {
  readonly method: "GET" | "POST";
  /** As OpenAPI writes it. */
  readonly path: string;
  /** Who may ask; "open": everybody who reaches the door. */
  readonly access: "open" | readonly TokenRole[];
  readonly summary: string;
  readonly query?: Schema;
  readonly body?: Schema;
  /** True where a body that does not fit is refused here; false: the decider says what is wrong with it, and records it. */
  readonly isChecked?: boolean;
  /** By status. A status that is not there has the shape of a refusal. */
  readonly answers: Readonly<Record<number, Schema>>;
  /** Of the 200; JSON where absent. */
  readonly type?: string;
  /** What a body that is no JSON object is answered with; absent: a refusal. */
  unreadable?(asked: Asked, why: string): Promise<Reply>;
  handle(asked: Asked): Reply | typeof answered | Promise<Reply | typeof answered>;
}

/** Stored values may hold numbers that only their text can tell. */
export function reply(status: number, answer: object): Reply {
  return { status, text: canonicalJson(answer as Json) };
}

export function refused(status: number, code: string, message: string): Reply {
  return reply(status, { error: { code, message } });
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber);
}

/** The caller of a route that is not open. */
export function callerOf({ caller }: Asked): Caller {
  if (caller === null) throw new Error("a route that needs a token was reached without one");
  return caller;
}

/** The message as the caller's token has it sent: an agent that names nobody is the token's own. */
export function ofCaller(body: JsonObject, { identity }: Caller): JsonObject {
  if (identity.agentId === null || (body.agent_id ?? null) !== null) return body;
  return { ...body, agent_id: identity.agentId };
}

/** The policy in force, where messages about it can be answered. */
export function readyPolicy({ governor }: Around): ActivePolicy | null {
  return governor.state() === "READY" && governor.ledger.isUsable ? governor.policies.active : null;
}
