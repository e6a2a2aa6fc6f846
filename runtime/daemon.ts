// The daemon of one stack, from start to end: STARTING, INITIALIZING until there is a policy, READY, DRAINING, HALT. It
// owns the log, the two sockets and the timers. It must never serve with a log that it cannot write.
import { randomBytes } from "node:crypto";
import type { Logger } from "pino";
import { Actions } from "./actions.ts";
import { Approvals } from "./approvals.ts";
import { CallTable } from "./calls.ts";
import { type Clock, formatTime, systemClock } from "./clock.ts";
import { Progress } from "./completion.ts";
import { Decider, type Governor } from "./decide.ts";
import { Desk, type House } from "./desk.ts";
import { type Disk, type DiskLock, nodeDisk, realPath, replaceFile } from "./disk.ts";
import type { HttpDoor, HttpSettings } from "./doors/http/door.ts";
import type { HttpLimits } from "./doors/http/limits.ts";
import { type Listening, listenAt } from "./doors/listen.ts";
import { OperatorDoor, operatorConnectionsMax } from "./doors/operator.ts";
import { AgentDoor, agentConnectionsMax } from "./doors/socket.ts";
import { Feeds } from "./feeds.ts";
import {
  checkSigning,
  checkTakenOver,
  type Environment,
  type HttpWords,
  httpSettingsOf,
  httpWordsOf,
  type RuntimeSettings,
  settingOf,
} from "./fixed-settings.ts";
import type { FloodLimits } from "./flood.ts";
import { Grants } from "./grants.ts";
import { Holds } from "./holds.ts";
import { journalLevelOf, openJournal } from "./journal.ts";
import { canonicalJson } from "./json.ts";
import { Ledger, noPolicy, TurnClock } from "./ledger.ts";
import { Log } from "./log/log.ts";
import type { VerifierKey } from "./log/note.ts";
import { evaluator, type Machine } from "./machine.ts";
import { machineKind, ownMachineHash, storeMachine } from "./machines.ts";
import { PhaseEnds, phaseEndBody } from "./phases.ts";
import { pinKey } from "./pinned-keys.ts";
import type { TokenPlace } from "./pkcs11.ts";
import { type ActivePolicy, Policies, PolicyHistory } from "./policy.ts";
import { checkSocketDir, preparePlaces, prepareShortDir } from "./premises.ts";
import { Recovery } from "./recover.ts";
import { Retention } from "./retention.ts";
import { SignerKeys } from "./signer-keys.ts";
import { Snapshots } from "./snapshots.ts";
import {
  type DaemonFile,
  type DaemonState,
  type SocketPlaces,
  type StackPaths,
  socketPlaces,
  stackPaths,
} from "./stack.ts";
import { stateDigest } from "./state.ts";
import type { SpanExporter } from "./telemetry/exporter.ts";
import { Tokens } from "./tokens.ts";

export type Durability = "group" | "each" | "async";

export interface DaemonOptions {
  readonly dir: string;
  /** Absolute; absent: the stack's default. */
  readonly walDir?: string;
  /** `runtime { socket }` and `runtime { durability }` of a policy that is about to be applied. */
  readonly socket?: string;
  readonly durability?: Durability;
  /** `runtime { http_listen, tls_cert_file, tls_key_file }`; absent: those of the policy in force. */
  readonly http?: HttpWords;
  readonly dev?: boolean;
  readonly env?: Environment;
  /** For tests; absent: the evaluator. */
  readonly machine?: Machine;
  readonly clock?: Clock;
  readonly flood?: FloodLimits;
  readonly httpLimits?: HttpLimits;
  readonly answerDeadlineMs?: number;
  /** For tests; absent: the log's default. */
  readonly segmentBytes?: number;
  /** What the log writes to. */
  readonly disk?: Disk;
}

/** The daemon may not start. `code` says why; nothing is left running or changed. */
export class StartFailure extends Error {
  readonly code: string;
  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** How a daemon ended. 0: asked to; anything else: something may not go on. */
export interface Ending {
  readonly exitCode: number;
  readonly reason: string;
}

/** Longer than any client waits, and than a disk in health takes by far. */
const defaultAnswerDeadlineMs = 10_000;
const drainMs = 5000;
const drainPollMs = 10;
/** How long a daemon whose log failed still tells its callers so. */
const latchedServingMs = 500;
const housekeepingMs = 1000;
const latestTimerMs = 2 ** 31 - 1;

/** Starts the daemon of a stack in this process. Throws StartFailure. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const paths = stackPaths(options.dir);
  try {
    preparePlaces(paths);
    const held = await nodeDisk.lock(`${paths.runtime}/daemon.lock`);
    if (!("lock" in held)) {
      const pid = held.heldBy === null ? "another process" : `process ${held.heldBy}`;
      throw new StartFailure("ALREADY_RUNNING", `${pid} is the daemon of ${paths.dir}`);
    }
    try {
      return await open(options, paths, held.lock);
    } catch (error) {
      held.lock.release();
      throw error;
    }
  } catch (error) {
    throw asStartFailure(error);
  }
}

async function open(options: DaemonOptions, paths: StackPaths, lock: DiskLock): Promise<Daemon> {
  const clock = new TurnClock(options.clock ?? systemClock);
  const startedUs = clock.now().wallUs;
  const walDir = options.walDir ?? paths.defaultWalDir;
  const machine = options.machine ?? evaluator;
  const approvals = new Approvals();
  const calls = new CallTable();
  const phaseEnds = new PhaseEnds();
  const followed = {
    grants: new Grants(machine.loadRule),
    holds: new Holds(),
    actions: new Actions(),
    progress: new Progress(),
  };
  const history = new PolicyHistory();
  const recovery = new Recovery({
    policiesDir: paths.policies,
    history,
    approvals,
    calls,
    phaseEnds,
    ...followed,
    bootId: clock.bootId,
    loadSync: machine.loadSync,
    nowUs: startedUs,
  });
  const durability = options.durability ?? "group";
  const env = options.env ?? process.env;
  const keys = new SignerKeys(nodeDisk, paths.keys, env);
  const log = await Log.open({
    dir: walDir,
    durability,
    clock,
    disk: options.disk ?? nodeDisk,
    keys,
    rebuilt: recovery,
    ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
  });
  try {
    const runtime: RuntimeSettings = recovery.active?.policy.runtime() ?? {};
    const places = socketPlaces(paths, env, options.socket ?? settingOf(runtime, "socket"));
    prepareShortDir(places);
    if (places.agent !== paths.agentSocket) checkSocketDir(places.agent);
    const ledger = new Ledger(log, clock);
    const http = options.http ?? httpWordsOf(runtime, env);
    const policies: Policies = new Policies(history, {
      ledger,
      policiesDir: paths.policies,
      walDir,
      disk: options.disk ?? nodeDisk,
      load: machine.load,
      checkRuntime: (wanted) => {
        const running = { walDir, durability, socket: places.agent, http };
        checkSigning(wanted, keys.signer !== null);
        checkTakenOver(wanted, policies.active?.policy.runtime() ?? null, running, paths, env);
      },
    });
    if (recovery.active !== null) policies.start(recovery.active);
    storeMachine(paths.policies);
    if (recovery.active !== null && history.machineHash !== ownMachineHash())
      await nameMachine(ledger, recovery.active, history);
    const journal = openJournal(paths.daemonLog, journalLevelOf(runtime.log_level));
    const parts = {
      options,
      keys,
      paths,
      lock,
      ledger,
      policies,
      approvals,
      calls,
      phaseEnds,
      followed,
      journal,
      places,
      walDir,
      durability,
      http: httpSettingsOf(http, paths.dir),
      tokens: new Tokens(nodeDisk, paths.keys),
      spans: await spansOf(env, journal),
      startedUs,
    };
    const daemon = new Daemon(parts);
    await daemon.openDoors();
    return daemon;
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** Says in the log that from here on another machine decides than before. */
function nameMachine(ledger: Ledger, { version, activation }: ActivePolicy, history: PolicyHistory): Promise<void> {
  history.machineHash = ownMachineHash();
  const stamp = { version, policyHash: activation.policyHash };
  const body = { kind: machineKind, detail: { sha256: history.machineHash } };
  return ledger.durable(ledger.append("mark", stamp, body, ledger.clock.now()).seq);
}

/** Loaded only where the environment names a collector. */
async function spansOf(env: Environment, journal: Logger): Promise<SpanExporter | null> {
  if (!env.OTEL_EXPORTER_OTLP_ENDPOINT && !env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) return null;
  const { exporterSettings, SpanExporter } = await import("./telemetry/exporter.ts");
  const settings = exporterSettings(env);
  return settings === null ? null : new SpanExporter(settings, journal);
}

interface Parts {
  readonly options: DaemonOptions;
  readonly keys: SignerKeys;
  readonly paths: StackPaths;
  readonly lock: DiskLock;
  readonly ledger: Ledger;
  readonly policies: Policies;
  readonly approvals: Approvals;
  readonly calls: CallTable;
  readonly phaseEnds: PhaseEnds;
  readonly followed: Pick<Governor, "grants" | "holds" | "actions" | "progress">;
  readonly journal: Logger;
  readonly places: SocketPlaces;
  readonly walDir: string;
  readonly durability: Durability;
  readonly http: HttpSettings | null;
  readonly tokens: Tokens;
  readonly spans: SpanExporter | null;
  readonly startedUs: number;
}

export class Daemon implements House {
  readonly governor: Governor;
  readonly decider: Decider;
  readonly journal: Logger;
  readonly loadRule: Machine["loadRule"];
  readonly places: SocketPlaces;
  readonly walDir: string;
  readonly durability: string;
  readonly startedUs: number;
  /** Resolves when everything is closed. */
  readonly ended: Promise<Ending>;
  readonly #parts: Parts;
  readonly #desk: Desk;
  readonly #snapshots: Snapshots;
  readonly #retention: Retention;
  readonly #agentDoor: AgentDoor;
  readonly #operatorDoor: OperatorDoor;
  readonly #token = randomBytes(32).toString("hex");
  readonly #servers: Listening[] = [];
  #http: HttpDoor | null = null;
  #state: DaemonState = "STARTING";
  #housekeeping: NodeJS.Timeout | null = null;
  #phaseTimer: NodeJS.Timeout | null = null;
  #ending: Promise<void> | null = null;
  #resolveEnded: (ending: Ending) => void = () => {};

  constructor(parts: Parts) {
    const { ledger, policies, approvals, calls, journal, options } = parts;
    this.#parts = parts;
    this.journal = journal;
    this.loadRule = (options.machine ?? evaluator).loadRule;
    this.places = parts.places;
    this.walDir = parts.walDir;
    this.durability = parts.durability;
    this.startedUs = parts.startedUs;
    const dev = options.dev ?? false;
    const answerDeadlineMs = options.answerDeadlineMs ?? defaultAnswerDeadlineMs;
    const feeds = new Feeds(ledger);
    approvals.onChange((event) => feeds.publishApproval(event));
    const kept = {
      ledger,
      policies,
      approvals,
      calls,
      ...parts.followed,
      feeds,
      tokens: parts.tokens,
      spans: parts.spans,
    };
    this.governor = { ...kept, dev, journal, answerDeadlineMs, state: () => this.#state };
    this.decider = new Decider(this.governor);
    this.#snapshots = new Snapshots(
      ledger,
      policies,
      { ...parts, ...parts.followed, history: policies.history },
      journal,
    );
    this.#retention = new Retention(ledger, policies, journal);
    this.#desk = new Desk(this);
    this.#operatorDoor = new OperatorDoor(this.#desk, this, this.#token);
    this.#agentDoor = new AgentDoor({
      governor: this.governor,
      decider: this.decider,
      desk: this.#desk,
      token: this.#token,
      ...(options.flood === undefined ? {} : { flood: options.flood }),
      state: () => this.#state,
    });
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  state(): DaemonState {
    return this.#state;
  }

  /** SHA-256 over all that the daemon knows from its log. */
  stateDigest(): string {
    const { policies } = this.governor;
    return stateDigest({ ...this.#parts, ...this.#parts.followed, history: policies.history }, policies.active);
  }

  connections(): number {
    return this.#agentDoor.connections + (this.#http?.connections ?? 0);
  }

  httpAddress(): string | null {
    return this.#http?.address ?? null;
  }

  /** Called once by `startDaemon`. When it throws, nothing listens any more. */
  async openDoors(): Promise<void> {
    const { paths, places, ledger, policies } = this.#parts;
    if (this.governor.dev) {
      ledger.append("mark", noPolicy, { kind: "dev", detail: "started in dev mode" }, ledger.clock.now());
    }
    replaceFile(nodeDisk, paths.tokenFile, Buffer.from(`${this.#token}\n`));
    replaceFile(nodeDisk, paths.pidFile, Buffer.from(`${process.pid}\n`));
    this.#enter("STARTING");
    try {
      this.#servers.push(await listenAt(places.agent, agentConnectionsMax, (socket) => this.#agentDoor.accept(socket)));
      this.#servers.push(
        await listenAt(places.operator, operatorConnectionsMax, (socket) => this.#operatorDoor.accept(socket)),
      );
      await this.#openHttp();
    } catch (error) {
      for (const server of this.#servers) server.close();
      nodeDisk.remove(paths.pidFile);
      throw error;
    }
    ledger.log.onLatch((failure) => this.#onLatch(failure.message));
    this.#housekeeping = setInterval(() => this.#keepHouse(), housekeepingMs);
    this.#enter(policies.active === null ? "INITIALIZING" : "READY");
    if (policies.active !== null) this.#takePolicy();
    const { signer } = ledger.log;
    if (signer !== null) this.#pin(signer.key, signer.isNamed);
  }

  /** Loaded only where it is asked for: most daemons have no such door. */
  async #openHttp(): Promise<void> {
    const { http, options } = this.#parts;
    if (http === null) return;
    const { openHttpDoor } = await import("./doors/http/door.ts");
    const { governor, decider } = this;
    const parts = { governor, decider, desk: this.#desk, house: this };
    this.#http = await openHttpDoor(parts, http, options.httpLimits);
    this.journal.info({ address: this.#http.address }, "listening over HTTP");
  }

  /** A daemon without its keys pinned serves on: they are for those who check its log. */
  #pin(key: VerifierKey, isNamed: boolean): void {
    const { verifierKeys } = this.#parts.paths;
    try {
      const became = pinKey(verifierKeys, key, isNamed);
      if (became === "added") this.journal.info({ key: key.text }, "verifier key written to faramesh.vkey");
      if (became === "unvouched") {
        this.journal.warn({ key: key.text }, "the log's key is not in faramesh.vkey, and no key there names it");
      }
    } catch (error) {
      this.journal.error({ err: error }, "faramesh.vkey could not be read or written");
    }
  }

  async rotateKey(token: TokenPlace | null): Promise<VerifierKey | null> {
    const { keys, ledger } = this.#parts;
    if (token !== null) keys.useToken(token);
    try {
      const key = await ledger.log.rotateKey();
      if (key !== null) this.#pin(key, true);
      return key;
    } catch (error) {
      if (keys.next() === null) keys.leaveToken();
      throw error;
    }
  }

  /** Keeps a snapshot of the state now. Resolves when it counts, or has failed. */
  snapshot(): Promise<void> {
    return this.#snapshots.keep();
  }

  /** Lets go now of what is older than the policy says. Resolves when it is gone, or that has failed. */
  prune(): Promise<void> {
    return this.#retention.run();
  }

  onActivated(): void {
    this.#takePolicy();
    void this.#parts.ledger.log.checkpoint("policy");
    void this.#snapshots.turn();
  }

  #takePolicy(): void {
    if (this.#state === "INITIALIZING") this.#enter("READY");
    const { policies } = this.#parts;
    this.journal.level = journalLevelOf(policies.active?.policy.runtime().log_level);
    this.journal.info({ version: policies.active?.version }, "policy in force");
    this.#watchPhases();
  }

  beginStop(): void {
    void this.stop();
  }

  /** Finishes what is in flight, closes the log and ends with 0, or with what a latched log demands. */
  stop(): Promise<void> {
    this.#ending ??= this.#end({ exitCode: 0, reason: "stopped" });
    return this.#ending;
  }

  /** Something of ours broke: no more decisions, and a non-zero end. */
  halt(reason: string): Promise<void> {
    this.#ending ??= this.#end({ exitCode: 1, reason });
    return this.#ending;
  }

  #enter(state: DaemonState): void {
    this.#state = state;
    const { paths, places, walDir, startedUs } = this.#parts;
    try {
      const file: DaemonFile = {
        pid: process.pid,
        state,
        socket: places.agent,
        operator_socket: places.operator,
        wal_dir: walDir,
        durability: this.durability,
        started_at: formatTime(startedUs),
        dir: realPath(paths.dir),
        ...(this.#http === null ? {} : { http: this.#http.address }),
      };
      replaceFile(nodeDisk, paths.daemonFile, Buffer.from(`${canonicalJson({ ...file })}\n`));
    } catch (error) {
      // Only a help to find the sockets; but a daemon that starts must be found.
      if (state === "STARTING") throw error;
    }
    this.journal.info({ state }, "state");
  }

  async #end(ending: Ending): Promise<void> {
    const { ledger, paths, places, lock } = this.#parts;
    this.#enter("DRAINING");
    if (this.#housekeeping !== null) clearInterval(this.#housekeeping);
    if (this.#phaseTimer !== null) clearTimeout(this.#phaseTimer);
    for (const server of this.#servers) server.close();
    this.#agentDoor.finish();
    this.#operatorDoor.finish();
    this.#http?.finish();
    for (let waitedMs = 0; waitedMs < drainMs && this.connections() > 0; waitedMs += drainPollMs) {
      await new Promise((resolve) => setTimeout(resolve, drainPollMs));
    }
    this.#agentDoor.destroy();
    this.#operatorDoor.destroy();
    this.#http?.destroy();
    if (ledger.isUsable) {
      try {
        this.decider.recordFloods();
      } catch (error) {
        this.journal.error({ err: error }, "the last denials could not be counted");
      }
      await this.#snapshots.turn();
    }
    await this.#parts.spans?.close();
    await ledger.log.close();
    // A log that failed on its last write did not stop cleanly, whatever was asked for.
    const final =
      ledger.log.state === "latched" && ending.exitCode === 0 ? { exitCode: 1, reason: "the log failed" } : ending;
    this.#enter("HALT");
    this.journal.info({ ...final }, "ended");
    for (const path of [places.agent, places.operator, paths.pidFile]) removeIfThere(path);
    lock.release();
    this.#resolveEnded(final);
  }

  #onLatch(reason: string): void {
    this.journal.fatal({ reason }, "the log can no longer be written");
    setTimeout(() => void this.halt(`the log can no longer be written: ${reason}`), latchedServingMs);
  }

  #keepHouse(): void {
    if (!this.#parts.ledger.isUsable) return;
    try {
      this.decider.recordFloods();
      this.#desk.recordExpired();
      this.#snapshots.tick();
      this.#retention.tick();
    } catch (error) {
      this.journal.error({ err: error }, "housekeeping failed");
    }
  }

  /** Records the phases that are over and comes back at the end of the next. */
  #watchPhases(): void {
    if (this.#phaseTimer !== null) clearTimeout(this.#phaseTimer);
    this.#phaseTimer = null;
    const { policies, ledger, phaseEnds } = this.#parts;
    const { active } = policies;
    if (active === null || !ledger.isUsable) return;
    const reading = ledger.clock.now();
    const nowMs = reading.wallUs / 1000;
    try {
      for (const phase of phaseEnds.due(active.policy, nowMs)) {
        const body = phaseEndBody(phase);
        const stamp = { version: active.version, policyHash: active.activation.policyHash };
        ledger.append("phase", stamp, body, reading);
        phaseEnds.take(body);
        this.journal.info({ phase: phase.name, agent: phase.agent, next: phase.next }, "phase ended");
      }
    } catch (error) {
      this.journal.error({ err: error }, "the end of a phase could not be recorded");
    }
    const next = phaseEnds.next(active.policy, nowMs);
    if (next === null) return;
    this.#phaseTimer = setTimeout(() => this.#watchPhases(), Math.min(Math.ceil(next - nowMs) + 1, latestTimerMs));
    this.#phaseTimer.unref();
  }
}

function removeIfThere(path: string): void {
  if (nodeDisk.identity(path) !== null) nodeDisk.remove(path);
}

/** The failure as it is told to whoever starts the daemon; the log's opening wraps what a record's taker throws. */
function asStartFailure(error: unknown): StartFailure {
  if (error instanceof StartFailure) return error;
  const inner = error instanceof Error && error.cause instanceof Error && "code" in error.cause ? error.cause : error;
  const code = inner instanceof Error && "code" in inner ? String(inner.code) : "START_FAILED";
  return new StartFailure(code, inner instanceof Error ? inner.message : String(inner), error);
}
