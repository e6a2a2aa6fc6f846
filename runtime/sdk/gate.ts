// Asks for one call's decision and waits for a person where the options say so. Every way out of here is either a
// permit for exactly the arguments handed back, a substitute that the caller's own hook made, or a ToolDeniedError.
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Json, JsonObject } from "../json.ts";
import { type Reading, readAnswer, readPollStatus } from "./answer.ts";
import { bindCredential, type Credential } from "./credential.ts";
import { NotPlain, type PlainArguments, plainArguments } from "./plain-arguments.ts";
import { keepReceipt } from "./receipts.ts";
import { sharedSocketTransport } from "./socket-transport.ts";
import { sdkDenial, ToolDeniedError } from "./tool-denied-error.ts";
import { type GovernRequest, type Transport, TransportFailure } from "./transport.ts";
import { Wait } from "./wait.ts";

/** Default of `timeoutMs` when nobody is waited for. */
const decisionTimeoutMs = 10_000;
/** Default of `timeoutMs` with `onDefer: "block"`: a person has to come by. */
const approvalTimeoutMs = 300_000;
/** Default of `pollMs`. */
const defaultPollMs = 1_000;
/** Longest delay that a timer takes, milliseconds. */
const timerMaxMs = 2_147_483_647;

/** A call that did not go through, as hooks see it. `args` is a copy. */
export interface RefusedCall {
  readonly tool: string;
  readonly args: JsonObject;
}

/**
 * Called instead of throwing. What it returns is handed to the agent in place of the tool's result; when it returns
 * undefined, the error is thrown after all.
 */
export type RefusalHook = (error: ToolDeniedError, call: RefusedCall) => unknown;

export interface GovernOptions {
  readonly agentId: string;
  /** Absent: the daemon's "default". */
  readonly sessionId?: string;
  /** Absent: the daemon of this folder over its Unix socket. */
  readonly transport?: Transport;
  /** "throw" (the default), "block" until approved or `timeoutMs` has passed, or a hook. */
  readonly onDefer?: "throw" | "block" | RefusalHook;
  /** Called for every denial, also for those made here because no answer came. */
  readonly onDeny?: RefusalHook;
  /** Milliseconds that one call may wait for its decision, approval included; 10 s, with "block" 5 min. */
  readonly timeoutMs?: number;
  /** Milliseconds between two looks at a pending approval; 1 s. */
  readonly pollMs?: number;
  /** Ends every wait; the calls that wait are denied ABORTED. */
  readonly signal?: AbortSignal;
  /** Changes a tool's key into the name that the policy knows: a framework's `stripe_refund` is `stripe/refund`. */
  readonly toolName?: (key: string) => string;
  /** Names a run of many calls. */
  readonly requestId?: string;
  readonly principal?: JsonObject;
  readonly principalToken?: string;
  readonly model?: string;
  readonly purpose?: string;
  readonly delegation?: Json;
  readonly tags?: readonly string[];
  /**
   * Runs a permitted tool that has a secret, and gives what it gives: for tools that cannot ask `credentialOf(args)`, for instance
   * within an AsyncLocalStorage of yours.
   */
  readonly withCredential?: (credential: Credential, run: () => unknown) => unknown;
  /** There is no failing open. The member is here so that code which sets it says what it gets. */
  readonly failOpen?: false;
}

export type Entry =
  | { readonly permitted: true; readonly args: JsonObject; readonly run: <T>(tool: () => T) => T }
  | { readonly permitted: false; readonly substitute: unknown };

type Permit = Extract<Reading, { readonly effect: "permit" }>;

export class Gate {
  readonly #options: GovernOptions;
  readonly #transport: Transport;
  readonly #timeoutMs: number;
  readonly #pollMs: number;

  /** Throws TypeError for options that make no sense. */
  constructor(options: GovernOptions) {
    if (typeof options.agentId !== "string" || options.agentId === "") throw new TypeError("agentId is missing");
    if (options.failOpen) throw new TypeError("failOpen cannot be true: a call without an answer is denied");
    this.#options = options;
    this.#transport = options.transport ?? sharedSocketTransport();
    const blocks = options.onDefer === "block";
    this.#timeoutMs = checkedMs("timeoutMs", options.timeoutMs ?? (blocks ? approvalTimeoutMs : decisionTimeoutMs));
    this.#pollMs = checkedMs("pollMs", options.pollMs ?? defaultPollMs);
  }

  toolName(key: string): string {
    return this.#options.toolName?.(key) ?? key;
  }

  /** Copies the arguments before it returns, and asks. Rejects with ToolDeniedError, or with what a hook throws. */
  async enter(tool: string, args: object, signal?: AbortSignal): Promise<Entry> {
    let plain: PlainArguments;
    try {
      plain = plainArguments(args);
    } catch (error) {
      const detail = error instanceof NotPlain ? error.message : "the arguments cannot be read";
      return this.#refuse(sdkDenial(tool, "ARGS_NOT_PLAIN", detail, error), { tool, args: {} });
    }
    const wait = new Wait(this.#timeoutMs, [signal, this.#options.signal]);
    try {
      const outcome = await this.#decide(tool, plain, wait);
      const copy = plain.parse();
      if (outcome instanceof ToolDeniedError) return await this.#refuse(outcome, { tool, args: copy });
      return { permitted: true, args: copy, run: this.#runner(copy, outcome.credential) };
    } finally {
      wait.end();
    }
  }

  #runner(args: JsonObject, credential: Credential | undefined): <T>(tool: () => T) => T {
    if (credential === undefined) return (run) => run();
    bindCredential(args, credential);
    const { withCredential } = this.#options;
    return <T>(run: () => T) => (withCredential === undefined ? run() : (withCredential(credential, run) as T));
  }

  async #decide(tool: string, plain: PlainArguments, wait: Wait): Promise<ToolDeniedError | Permit> {
    try {
      let outcome = await this.#ask(tool, plain, wait);
      // Ends with the wait's own time limit: each turn polls at least once.
      while (outcome.effect === "defer" && this.#options.onDefer === "block") {
        const approvalId = outcome.approvalId;
        if (approvalId === undefined) return outcome;
        const status = await this.#waitForPerson(tool, approvalId, wait);
        outcome = await this.#ask(tool, plain, wait, approvalId);
        if (status === "denied" && outcome.effect === "defer") return outcome;
      }
      return wait.signal.aborted ? wait.denial(tool) : outcome;
    } catch (error) {
      if (error instanceof ToolDeniedError) return error;
      if (wait.signal.aborted) return wait.denial(tool);
      if (error instanceof TransportFailure) return sdkDenial(tool, error.code, error.message, error);
      return sdkDenial(tool, "DAEMON_UNREACHABLE", "the transport failed", error);
    }
  }

  /** Each question has a call_id of its own; the same one would get the answer of before. */
  async #ask(tool: string, plain: PlainArguments, wait: Wait, approvalId?: string): Promise<ToolDeniedError | Permit> {
    const callId = globalThis.crypto.randomUUID();
    const request = this.#request(callId, tool, plain.parse(), approvalId);
    const answer = await wait.race(this.#transport.govern(request, wait.signal));
    const argsSha256 = bytesToHex(sha256(new TextEncoder().encode(plain.text)));
    keepReceipt(this.#transport, answer);
    const reading = readAnswer(answer, { tool, callId, argsSha256 });
    return reading.effect === "permit" ? reading : reading.error;
  }

  #request(callId: string, tool: string, args: JsonObject, approvalId: string | undefined): GovernRequest {
    const o = this.#options;
    return {
      call_id: callId,
      agent_id: o.agentId,
      tool_id: tool,
      args,
      ...(o.sessionId === undefined ? {} : { session_id: o.sessionId }),
      ...(o.requestId === undefined ? {} : { request_id: o.requestId }),
      ...(o.principal === undefined ? {} : { principal: o.principal }),
      ...(o.principalToken === undefined ? {} : { principal_token: o.principalToken }),
      ...(o.model === undefined ? {} : { model: o.model }),
      ...(o.purpose === undefined ? {} : { purpose: o.purpose }),
      ...(o.delegation === undefined ? {} : { delegation: o.delegation }),
      ...(o.tags === undefined ? {} : { tags: o.tags }),
      ...(approvalId === undefined ? {} : { approval_id: approvalId }),
    };
  }

  /** Rejects with ToolDeniedError when the approval is gone, or the wait ends first. */
  async #waitForPerson(tool: string, approvalId: string, wait: Wait): Promise<"approved" | "denied"> {
    const { agentId, principalToken } = this.#options;
    const token = principalToken === undefined ? {} : { principal_token: principalToken };
    const request = { agent_id: agentId, defer_token: approvalId, ...token };
    while (true) {
      await wait.sleep(this.#pollMs, tool, approvalId);
      const status = readPollStatus(await wait.race(this.#transport.pollDefer(request, wait.signal)), approvalId);
      if (status === "approved" || status === "denied") return status;
      if (status === "pending") continue;
      if (status === undefined) throw sdkDenial(tool, "BAD_ANSWER", `no readable status for approval ${approvalId}`);
      throw sdkDenial(tool, "APPROVAL_LOST", `approval ${approvalId} is ${status}`);
    }
  }

  async #refuse(error: ToolDeniedError, call: RefusedCall): Promise<Entry> {
    const { onDefer, onDeny } = this.#options;
    const hook = error.effect === "defer" ? (typeof onDefer === "function" ? onDefer : undefined) : onDeny;
    const substitute = await hook?.(error, call);
    if (substitute === undefined) throw error;
    return { permitted: false, substitute };
  }
}

function checkedMs(name: string, value: number): number {
  if (Number.isFinite(value) && value > 0 && value <= timerMaxMs) return value;
  throw new TypeError(`${name} is ${value}; it is a number of milliseconds from 1 to ${timerMaxMs}`);
}
