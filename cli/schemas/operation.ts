// What the commands write by which people run a stack: status, approvals, agents, tokens, the service.
import { doorWords } from "../../runtime/doors/kinds.ts";
import {
  agent,
  agentMembers,
  approval,
  boolean,
  grant,
  hash,
  hold,
  integer,
  listOf,
  number,
  object,
  oneOf,
  openObject,
  ordered,
  orNull,
  runningDaemon,
  type Schema,
  string,
  token,
  version,
} from "./parts.ts";

const credential = object({
  id: string,
  agent_id: string,
  tools: listOf(string),
  backend: orNull(string),
  path: orNull(string),
  ttl_seconds: orNull(number),
  ref: orNull(string),
  why: orNull(string),
});

const budgetMembers = {
  id: string,
  session: orNull(string),
  unit: oneOf("usd", "bytes", "values"),
  spent_usd: number,
  max_usd: orNull(number),
  bytes: orNull(integer),
  max_bytes: orNull(integer),
  calls: integer,
  max_calls: orNull(integer),
};

/** Agents that the daemon runs, or ran. */
const runs = object({
  runs: listOf(
    object({
      run: string,
      agent_id: string,
      program: orNull(string),
      state: oneOf("running", "stopping", "ended"),
      pid: orNull(integer),
      started_at: string,
      ended_at: orNull(string),
      exit_code: orNull(integer),
      said: string,
      output: string,
    }),
  ),
});

export const operationSchemas: Readonly<Record<string, Schema>> = {
  status: object({
    daemon: runningDaemon,
    doors: listOf(object({ door: oneOf(...doorWords), address: string, can_be_bypassed: boolean, bypass: string })),
    providers: listOf(
      object({
        name: string,
        type: string,
        status: oneOf("starting", "ready", "down", "stub", "not_started"),
        why: orNull(string),
        restarts: integer,
      }),
    ),
    notices: listOf(string),
    budgets: listOf(object({ ...budgetMembers, agent: string })),
    approvals: object({ pending: integer, oldest_age_seconds: orNull(number) }),
    grants: object({ active: integer }),
    stopped: listOf(hold),
    limits: listOf(object({ name: string, count: integer, window_seconds: number })),
    phases: listOf(
      object({
        name: string,
        agent: string,
        ends_in_seconds: orNull(number),
        next: string,
        state: oneOf("waiting", "running", "spent"),
      }),
    ),
  }),
  "approvals list": object({ approvals: listOf(approval) }),
  "approvals pending": object({ approvals: listOf(approval) }),
  "approvals history": object({ approvals: listOf(approval) }),
  "approvals show": object({ approval }),
  "approvals approve": object({ approval }),
  "approvals deny": object({ approval }),
  "approvals watch": object({ event: oneOf("created", "approved", "denied", "expired", "used"), approval }),
  "approvals grants": object({ grants: listOf(grant) }),
  "approvals grants list": object({ grants: listOf(grant) }),
  "approvals grants add": object({ grant }),
  "approvals grants revoke": object({ grant }),
  token: object({ tokens: listOf(token) }),
  "token list": object({ tokens: listOf(token) }),
  "token create": object({ token: string, created: token }),
  "token revoke": object({ revoked: token }),
  agent: object({ all: agent, agents: listOf(agent) }),
  "agent list": object({ all: agent, agents: listOf(agent) }),
  "agent show": object({
    agent: object({
      ...agentMembers,
      completion_gates: listOf(string),
      budgets: listOf(object(budgetMembers)),
      pending: listOf(string),
      grants: listOf(grant),
    }),
  }),
  "agent launch": runs,
  "agent stop": runs,
  "agent runs": runs,
  credential: object({ credentials: listOf(credential) }),
  "credential preview": object({ credentials: listOf(credential) }),
  "credential probe": object({
    probes: listOf(
      object({ credential, obtained: boolean, why: orNull(string), names: listOf(string), expires_at: orNull(string) }),
    ),
  }),
  "agent quiesce": ordered,
  "agent resume": ordered,
  "agent kill": ordered,
  dev: object({ version, policy_hash: hash, changed: boolean }),
  "service install": object({
    name: string,
    path: string,
    text: string,
    socket: orNull(object({ name: string, path: string, text: string })),
    start: listOf(string),
    stop: listOf(string),
    written: boolean,
  }),
  "service uninstall": object({ name: string, path: string, removed: boolean }),
  destroy: object({ removed: listOf(string), kept: listOf(string) }),
  selftest: object({
    ok: boolean,
    seed: integer,
    suites: listOf(
      object({
        name: oneOf("engine", "tampering", "rollback", "disk errors", "kills"),
        ok: boolean,
        runs: integer,
        findings: listOf(string),
        told: string,
        seconds: number,
      }),
    ),
  }),
  schema: openObject,
  /** The client's own form, or nothing. */
  hook: openObject,
  // What it prints is the command's; only that nothing was started is said here.
  "agent run": openObject,
  // Its standard output is the protocol's.
  "mcp wrap": openObject,
  completion: object({ shell: oneOf("bash", "zsh", "fish"), script: string }),
};
