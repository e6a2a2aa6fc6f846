// The agents' socket: reads what untrusted processes send, hands calls to the decider and answers. What an agent may not
// do is refused and recorded here; nothing that cannot be read is ever taken for a permit.
import type { Socket } from "node:net";
import type { Decider } from "../decide.ts";
import type { Desk } from "../desk.ts";
import { JsonNumber } from "../evaluator/number.ts";
import { connectionsShare, defaultFloodLimits, FloodGate, type FloodLimits } from "../flood.ts";
import type { Governor } from "../governor.ts";
import { claimedOf } from "../identity.ts";
import { canonicalJson, type Json, type JsonObject, parseJson } from "../json.ts";
import type { ActivePolicy } from "../policy.ts";
import { readable } from "../request.ts";
import { keepSession } from "../session-keeper.ts";
import type { DaemonState } from "../stack.ts";
import type { AgentErrorAnswer, AgentStatusAnswer, GovernAnswer, PollDeferAnswer } from "./agent-protocol.ts";
import { completionOf, followUp, followUps } from "./followups.ts";
import { type Answer, agentLineLimits, type Line, LineConnection, type LineLimits } from "./lines.ts";
import { isToken } from "./operator.ts";
import { operatorTypes } from "./protocol.ts";
import { reachAnswer } from "./reach.ts";
import { deferStatus, recordOperatorRefused, recordUndelivered } from "./refusals.ts";
import { openStream, streamsFull, subscriptions } from "./streams.ts";
import { vouchedFor } from "./vouched.ts";

export const agentConnectionsMax = 1024;

/** A line that could not be read is looked at once more for its call_id up to this size. */
const callIdSearchBytes = 64 * 1024;

const ownTypes: ReadonlySet<string> = new Set(["poll_defer", "reach", "phase", "session"]);

export interface AgentDoorParts {
  readonly governor: Governor;
  readonly decider: Decider;
  readonly desk: Desk;
  readonly token: string;
  readonly flood?: FloodLimits;
  readonly lines?: LineLimits;
  state(): DaemonState;
}

/** Where a line came from. */
interface Caller {
  readonly gate: FloodGate;
  readonly connection: LineConnection;
  /** Whom the connection's last call named. */
  agentId: Json;
}

export class AgentDoor {
  readonly #parts: AgentDoorParts;
  readonly #connections = new Set<LineConnection>();
  /** What ends the streams of a connection. */
  readonly #streams = new Map<LineConnection, (() => void)[]>();
  readonly #limits: FloodLimits;
  readonly #allGate: FloodGate;

  constructor(parts: AgentDoorParts) {
    this.#parts = parts;
    this.#limits = parts.flood ?? defaultFloodLimits;
    const { burst, perSecond } = this.#limits;
    const shared = { burst: burst * connectionsShare, perSecond: perSecond * connectionsShare };
    this.#allGate = new FloodGate(shared, parts.governor.ledger.clock.now().wallUs);
    parts.governor.ledger.log.onRelief(() => {
      for (const connection of this.#connections) connection.resume();
    });
  }

  get connections(): number {
    return this.#connections.size;
  }

  accept(socket: Socket): void {
    const { governor, lines } = this.#parts;
    const gate = new FloodGate(this.#limits, governor.ledger.clock.now().wallUs, this.#allGate);
    const connection = new LineConnection(socket, lines ?? agentLineLimits, {
      onLine: (line) => this.#onLine(line, caller),
      // A disk that lags makes callers wait, and never a queue that overflows: calls refused then would have been counted.
      isHeld: () => governor.ledger.log.isPressed,
      onUndelivered: (answer) => this.#onUndelivered(answer),
      onClose: (closed) => this.#onClose(closed),
    });
    const caller: Caller = { gate, connection, agentId: null };
    this.#connections.add(connection);
  }

  #onClose(connection: LineConnection): void {
    this.#connections.delete(connection);
    for (const stop of this.#streams.get(connection) ?? []) stop();
    this.#streams.delete(connection);
  }

  finish(): void {
    for (const connection of this.#connections) connection.finish();
  }

  destroy(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  /** A decision that has nothing to wait for is answered in the same turn. */
  #onLine(line: Line, caller: Caller): Answer | Promise<Answer> {
    const { gate } = caller;
    try {
      if (line.kind === "too long") return this.#refuse("the line is longer than 8 MiB", null, gate);
      const parsed = parseJson(line.bytes);
      if (!parsed.ok) return this.#refuse(`not JSON: ${parsed.message}`, callIdOf(line.bytes), gate);
      const message = parsed.value;
      if (typeof message !== "object" || message === null || Array.isArray(message)) {
        return this.#refuse("a message is an object", null, gate);
      }
      const object = message as JsonObject;
      if (object.jsonrpc === undefined && object.type === "govern") {
        caller.agentId = object.agent_id ?? null;
        return answerText(this.#parts.decider.govern(object, gate, claimedOf(object.client)));
      }
      return this.#onOther(object, caller).catch((error: unknown) => this.#onBug(error));
    } catch (error) {
      return this.#onBug(error);
    }
  }

  async #onOther(message: JsonObject, caller: Caller): Promise<Answer> {
    if (message.jsonrpc !== undefined) return this.#onJsonRpc(message, caller);
    const answer = await this.#onMessage(message, caller);
    const { callId } = readable(message);
    // Every answer finds its question, whatever it was about.
    const isNamed = callId === null || "call_id" in answer;
    return canonicalJson((isNamed ? answer : { ...answer, call_id: callId }) as Json);
  }

  /** Ours: the call is denied, and the daemon lives on for the others. */
  #onBug(error: unknown): string {
    this.#parts.governor.journal.error({ err: error }, "a message could not be handled");
    return JSON.stringify(errorAnswer("BAD_REQUEST", "the message could not be handled"));
  }

  async #onMessage(message: JsonObject, caller: Caller): Promise<object> {
    const { type } = message;
    const { gate } = caller;
    if (type === "govern") caller.agentId = message.agent_id ?? null;
    if (type === "govern") return this.#parts.decider.govern(message, gate, claimedOf(message.client));
    if (type === "complete") {
      return this.#parts.decider.govern(completionOf(message), gate, claimedOf(message.client));
    }
    if (typeof type === "string" && isOfAgents(type)) return this.#onOwn(type, message, caller);
    if (typeof type !== "string") {
      const refused = { code: "BAD_REQUEST", message: "`type` is missing", ...readable(message) } as const;
      return this.#parts.decider.refuse(refused, gate);
    }
    if (Object.hasOwn(operatorTypes, type)) return this.#onOperatorType(type, message, gate);
    return errorAnswer("UNKNOWN_TYPE", `there is no message of type ${JSON.stringify(type.slice(0, 64))}`, message);
  }

  /** Messages of an agent about itself: where the policy demands identities, with the token of that agent. */
  async #onOwn(type: string, message: JsonObject, caller: Caller): Promise<object> {
    const { governor, token } = this.#parts;
    const isOperator = isToken(message.admin_token, token);
    const vouched = isOperator ? message : await vouchedFor(governor, message);
    if (typeof vouched === "string") return errorAnswer("IDENTITY_UNVERIFIED", vouched, message);
    if (type === "poll_defer") return this.#poll(vouched);
    if (followUps.has(type)) return this.#onFollowUp(type, vouched);
    if (Object.hasOwn(subscriptions, type)) return this.#onSubscribe(type, vouched, caller);
    if (type === "reach") return this.#onReach(vouched);
    return this.#onSession(withAgent(vouched, caller), caller.gate);
  }

  /** `{jsonrpc, id, method, params}`: the same messages with the type as method; decisions are results, denials too. */
  async #onJsonRpc(message: JsonObject, caller: Caller): Promise<Answer> {
    const { jsonrpc, method } = message;
    const id = message.id ?? null;
    const params = message.params ?? {};
    const isCall = jsonrpc === "2.0" && typeof method === "string" && typeof params === "object" && params !== null;
    if (!isCall || Array.isArray(params) || !isRpcId(id))
      return rpcText(id, { error: { code: -32600, message: "invalid request" } });
    const answer = await this.#onMessage({ ...(params as JsonObject), type: method }, caller);
    if ("type" in answer && answer.type === "error") {
      const { error } = answer as AgentErrorAnswer;
      const code = error.code === "UNKNOWN_TYPE" ? -32601 : -32600;
      return rpcText(id, { error: { code, message: error.message } });
    }
    return rpcText(id, { result: answer });
  }

  #refuse(message: string, callId: string | null, gate: FloodGate): Answer | Promise<Answer> {
    const refused = { code: "BAD_REQUEST", message, callId, agentId: "", sessionId: "default", tool: "" } as const;
    return answerText(this.#parts.decider.refuse(refused, gate));
  }

  #poll(message: JsonObject): PollDeferAnswer {
    const token = typeof message.defer_token === "string" ? message.defer_token : "";
    // An agent id of another type is nobody's.
    const agentId = message.agent_id === undefined ? null : String(message.agent_id);
    return deferStatus(this.#parts.governor, token, agentId);
  }

  /** What belongs to the operator's socket: heard with the right `admin_token`, otherwise refused and recorded. */
  async #onOperatorType(type: string, message: JsonObject, gate: FloodGate): Promise<object> {
    const { desk, token, governor } = this.#parts;
    if (isToken(message.admin_token, token)) return desk.handle(type, message);
    if (type === "status") return this.#status();
    const hasToken = message.admin_token !== undefined;
    const detail = { type, agent_id: readable(message).agentId, wrong_token: hasToken };
    await recordOperatorRefused(governor, gate, detail);
    return errorAnswer("OPERATOR_ONLY", `\`${type}\` is the operator's: use the operator socket`, message);
  }

  #onReach(message: JsonObject): object {
    const active = this.#ready();
    if (active === null) return errorAnswer("BAD_REQUEST", "the daemon is not ready", message);
    const answer = reachAnswer(active, message, this.#parts.governor.ledger.clock.now().wallUs / 1000);
    return typeof answer === "string" ? errorAnswer("BAD_REQUEST", answer, message) : answer;
  }

  /** A session's phase or state, of the agent that asks; with the right `admin_token` the operator asks. */
  async #onSession(message: JsonObject, gate: FloodGate): Promise<object> {
    const { desk, token, governor } = this.#parts;
    if (isToken(message.admin_token, token)) return desk.handle(String(message.type), message);
    const active = this.#ready();
    if (active === null) {
      return errorAnswer("BAD_REQUEST", "the daemon is not ready", message);
    }
    if (message.op !== "inspect" && !gate.admit(governor.ledger.clock.now().wallUs)) {
      return errorAnswer("BAD_REQUEST", "too many changes of sessions on this connection", message);
    }
    const agent = typeof message.agent_id === "string" ? message.agent_id : "";
    if (message.op !== "inspect" && governor.holds.of(agent, active.declarations.killedByDefault) !== null) {
      return errorAnswer("BAD_REQUEST", "this agent is stopped", message);
    }
    const kept = keepSession(active, governor.ledger, message, { kind: "agent" });
    if (!kept.ok) return errorAnswer("BAD_REQUEST", kept.message, message);
    if (kept.seq !== null) await governor.ledger.durable(kept.seq);
    return kept.answer;
  }

  /** What became of this agent's own calls; with the right `admin_token` the operator's word. */
  async #onFollowUp(type: string, message: JsonObject): Promise<object> {
    const { desk, token, governor } = this.#parts;
    if (type !== "scan_output" && isToken(message.admin_token, token)) return desk.handle(type, message);
    const active = this.#ready();
    if (active === null) return errorAnswer("BAD_REQUEST", "the daemon is not ready", message);
    const outcome = await followUp(governor, active, message);
    return outcome.ok ? outcome.answer : errorAnswer(outcome.code, outcome.message, message);
  }

  /** One agent's own; with the right `admin_token` and no agent, all. */
  #onSubscribe(type: string, message: JsonObject, { connection }: Caller): object {
    const { token, governor } = this.#parts;
    const agentId = message.agent_id ?? null;
    const isOperator = isToken(message.admin_token, token);
    if (typeof agentId !== "string" && !(isOperator && agentId === null)) {
      return errorAnswer("BAD_REQUEST", "`agent_id` is missing", message);
    }
    const active = this.#ready();
    if (active === null) return errorAnswer("BAD_REQUEST", "the daemon is not ready", message);
    if (agentId !== null && governor.holds.of(agentId, active.declarations.killedByDefault)?.state === "killed") {
      return errorAnswer("BAD_REQUEST", "this agent is killed", message);
    }
    const stream = openStream(governor.feeds, connection, type, agentId);
    if (stream === null) return errorAnswer("BAD_REQUEST", streamsFull, message);
    this.#streams.set(connection, [...(this.#streams.get(connection) ?? []), stream.stop]);
    return stream.answer;
  }

  /** The policy in force, where messages about it can be answered. */
  #ready(): ActivePolicy | null {
    const { governor, state } = this.#parts;
    return state() === "READY" && governor.ledger.isUsable ? governor.policies.active : null;
  }

  #status(): AgentStatusAnswer {
    const { active } = this.#parts.governor.policies;
    return {
      type: "status",
      state: this.#parts.state(),
      policy_version: active?.version ?? null,
      policy_hash: active?.activation.policyHash ?? null,
    };
  }

  #onUndelivered(text: string): void {
    const answer: unknown = JSON.parse(text);
    recordUndelivered(this.#parts.governor, Object(Reflect.get(Object(answer), "result") ?? answer));
  }
}

/** Clients of the field name the session alone: it is one of the agent that the connection's last call named. */
function withAgent(message: JsonObject, { agentId }: Caller): JsonObject {
  return message.agent_id === undefined && agentId !== null ? { ...message, agent_id: agentId } : message;
}

/** A decision holds nothing that needs the canonical writer, and it is the hot path. */
function answerText(answer: GovernAnswer | Promise<GovernAnswer>): string | Promise<string> {
  return answer instanceof Promise ? answer.then((ready) => JSON.stringify(ready)) : JSON.stringify(answer);
}

function rpcText(id: Json, outcome: object): string {
  // The id is given back as it came; a lexeme of a number is kept.
  return `{"jsonrpc":"2.0","id":${isRpcId(id) ? canonicalJson(id) : "null"},${canonicalJson(outcome as Json).slice(1)}`;
}

function isRpcId(id: Json): boolean {
  return id === null || typeof id === "string" || typeof id === "number" || id instanceof JsonNumber;
}

function isOfAgents(type: string): boolean {
  return ownTypes.has(type) || followUps.has(type) || Object.hasOwn(subscriptions, type);
}

function errorAnswer(code: AgentErrorAnswer["error"]["code"], message: string, request?: JsonObject): AgentErrorAnswer {
  const callId = request === undefined ? null : readable(request).callId;
  const id = callId === null ? {} : { call_id: callId };
  const reason_code = code === "IDENTITY_UNVERIFIED" ? code : "BAD_REQUEST";
  return { type: "error", effect: "DENY", reason_code, error: { code, message }, ...id };
}

/** The call_id of a line that the strict reader refuses, so that its denial finds its call. Nothing is decided by it. */
function callIdOf(bytes: Buffer): string | null {
  if (bytes.length > callIdSearchBytes) return null;
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    const callId: unknown = typeof value === "object" && value !== null ? Reflect.get(value, "call_id") : null;
    return typeof callId === "string" && callId.length <= 64 && !/\p{Surrogate}/u.test(callId) ? callId : null;
  } catch {
    return null;
  }
}
