// The daemon of one stack while it runs: INITIALIZING until there is a policy, READY, DRAINING, HALT. It holds what start-daemon.ts
// opened: the log, the doors, the timers. It must never serve with a log that it cannot write.
import { randomBytes } from "node:crypto";
import type { Logger } from "pino";
import { Alerts } from "./alerts/alerts.ts";
import { openQueue } from "./alerts/queue.ts";
import type { Approvals } from "./approvals.ts";
import type { CallTable } from "./calls.ts";
import { type Clock, formatTime } from "./clock.ts";
import { Decider } from "./decide.ts";
import { Desk, type House } from "./desk.ts";
import { openSupervisor } from "./desk-supervised.ts";
import { type Disk, type DiskLock, nodeDisk, realPath, replaceFile } from "./disk.ts";
import { Doors } from "./doors/doors.ts";
import type { HttpSettings } from "./doors/http/door.ts";
import type { HttpLimits } from "./doors/http/limits.ts";
import { inheritedSocket } from "./doors/inherited.ts";
import type { Door } from "./doors/kinds.ts";
import type { ProviderView } from "./doors/views.ts";
import { Feeds } from "./feeds.ts";
import type { Environment, HttpWords } from "./fixed-settings.ts";
import type { FloodLimits } from "./flood.ts";
import type { Governor } from "./governor.ts";
import type { Identities } from "./identities/identities.ts";
import { journalLevelOf, reopenJournal } from "./journal.ts";
import { canonicalJson } from "./json.ts";
import { type Ledger, noPolicy } from "./ledger.ts";
import type { VerifierKey } from "./log/note.ts";
import { evaluator, type Machine } from "./machine.ts";
import { PhaseWatch } from "./phase-watch.ts";
import type { PhaseEnds } from "./phases.ts";
import { pinKey } from "./pinned-keys.ts";
import type { TokenPlace } from "./pkcs11.ts";
import type { Policies } from "./policy.ts";
import type { Prices } from "./prices/prices.ts";
import { Quotes } from "./prices/quotes.ts";
import { Broker } from "./providers/broker.ts";
import type { Providers } from "./providers/providers.ts";
import { Retention } from "./retention.ts";
import { Selectors } from "./selectors/selectors.ts";
import type { SignerKeys } from "./signer-keys.ts";
import { Sinks } from "./sinks/sinks.ts";
import { Snapshots } from "./snapshots.ts";
import type { DaemonFile, DaemonState, SocketPlaces, StackPaths } from "./stack.ts";
import { stateDigest } from "./state.ts";
import type { Supervisor } from "./supervisor.ts";
import type { SpanExporter } from "./telemetry/exporter.ts";
import type { Tokens } from "./tokens.ts";

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

/** What the daemon is made of, opened and recovered. */
export interface DaemonParts {
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
  readonly providers: Providers;
  readonly identities: Identities;
  readonly spans: SpanExporter | null;
  readonly prices: Prices;
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
  readonly supervisor: Supervisor;
  /** Resolves when everything is closed. */
  readonly ended: Promise<Ending>;
  readonly #parts: DaemonParts;
  readonly #desk: Desk;
  readonly #snapshots: Snapshots;
  readonly #retention: Retention;
  readonly #doors: Doors;
  readonly #phaseWatch: PhaseWatch;
  readonly #alerts: Alerts;
  readonly #sinks: Sinks;
  readonly #token = randomBytes(32).toString("hex");
  readonly #inherited: number | null;
  #state: DaemonState = "STARTING";
  #housekeeping: NodeJS.Timeout | null = null;
  #ending: Promise<void> | null = null;
  #resolveEnded: (ending: Ending) => void = () => {};

  constructor(parts: DaemonParts) {
    const { ledger, policies, approvals, calls, journal, options } = parts;
    this.#parts = parts;
    this.journal = journal;
    this.loadRule = (options.machine ?? evaluator).loadRule;
    this.places = parts.places;
    this.walDir = parts.walDir;
    this.durability = parts.durability;
    this.startedUs = parts.startedUs;
    this.#inherited = inheritedSocket("agent", options.env ?? process.env, process.pid);
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
      prices: parts.prices,
      quotes: new Quotes(parts.providers, ledger.clock),
      identities: parts.identities,
      providers: parts.providers,
      broker: new Broker(parts.providers, ledger.clock, dev),
      selectors: new Selectors(ledger.clock, options.env ?? process.env),
    };
    const fault = (reason: string): void => this.#onFault(reason);
    this.governor = { ...kept, dev, journal, answerDeadlineMs, state: () => this.#state, fault };
    this.decider = new Decider(this.governor);
    this.#snapshots = new Snapshots(
      ledger,
      policies,
      { ...parts, ...parts.followed, history: policies.history },
      journal,
    );
    this.#retention = new Retention(ledger, policies, journal);
    this.supervisor = openSupervisor(parts.paths, options.env ?? process.env, this.governor);
    this.#desk = new Desk(this);
    this.#phaseWatch = new PhaseWatch(ledger, policies, parts.phaseEnds, journal);
    this.#alerts = new Alerts(
      openQueue(nodeDisk, parts.paths.alertsFile, journal),
      kept,
      journal,
      options.env ?? process.env,
    );
    const { providers } = parts;
    this.#sinks = new Sinks({ ledger, providers, journal, walDir: parts.walDir, dir: parts.paths.sinks });
    this.#doors = new Doors({
      governor: this.governor,
      decider: this.decider,
      desk: this.#desk,
      house: this,
      journal,
      token: this.#token,
      dir: parts.paths.dir,
      places: parts.places,
      env: options.env ?? process.env,
      http: parts.http,
      flood: options.flood,
      httpLimits: options.httpLimits,
      inherited: this.#inherited,
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
    return this.#doors.connections;
  }

  outsideNotices(): readonly string[] {
    const { selectors, providers, identities } = this.governor;
    const own = [this.#alerts, selectors, providers, this.#sinks, identities, this.#doors];
    return own.flatMap((one) => one.notices());
  }

  /** The doors that the policy in force has opened. */
  doorsOfPolicy(): readonly (readonly [Door, string])[] {
    return this.#doors.ofPolicy();
  }

  serversBehind(): readonly ProviderView[] {
    return this.#doors.servers();
  }

  signing(): "local" | "external" {
    return this.#parts.keys.signer === null ? "local" : "external";
  }

  httpAddress(): string | null {
    return this.#doors.httpAddress;
  }

  /** Called once by `startDaemon`. When it throws, nothing listens any more. */
  async openDoors(): Promise<void> {
    const { paths, ledger, policies } = this.#parts;
    if (this.governor.dev) {
      ledger.append("mark", noPolicy, { kind: "dev", detail: "started in dev mode" }, ledger.clock.now());
    }
    replaceFile(nodeDisk, paths.tokenFile, Buffer.from(`${this.#token}\n`));
    replaceFile(nodeDisk, paths.pidFile, Buffer.from(`${process.pid}\n`));
    this.#enter("STARTING");
    try {
      await this.#doors.open();
    } catch (error) {
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
    this.#phaseWatch.look();
    this.#alerts.takePolicy();
    void this.#doors.takePolicy();
    this.governor.selectors.takePolicy(policies.active);
    this.governor.providers.takePolicy(policies.active);
    this.governor.identities.takePolicy(policies.active);
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
    const http = this.#doors.httpAddress;
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
        ...(http === null ? {} : { http }),
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
    this.#phaseWatch.stop();
    const launched = this.supervisor.stop(null);
    this.#doors.finish();
    for (let waitedMs = 0; waitedMs < drainMs && this.connections() > 0; waitedMs += drainPollMs) {
      await new Promise((resolve) => setTimeout(resolve, drainPollMs));
    }
    this.#doors.destroy();
    await launched;
    if (ledger.isUsable) {
      try {
        this.decider.recordFloods();
      } catch (error) {
        this.journal.error({ err: error }, "the last denials could not be counted");
      }
      // What is in memory after a fault may not be what the records have made.
      if (ending.exitCode === 0) await this.#snapshots.turn();
    }
    await this.#alerts.close();
    await this.#sinks.close();
    await this.#parts.providers.close();
    await this.#parts.spans?.close();
    await ledger.log.close();
    // A log that failed on its last write did not stop cleanly, whatever was asked for.
    const final =
      ledger.log.state === "latched" && ending.exitCode === 0 ? { exitCode: 1, reason: "the log failed" } : ending;
    this.#enter("HALT");
    this.journal.info({ ...final }, "ended");
    // A process may see many daemons; a line that still comes opens the file again.
    reopenJournal(this.journal);
    // A socket that was handed over stays: the next call on it starts the next daemon.
    if (this.#inherited === null) removeIfThere(places.agent);
    for (const path of [places.operator, paths.pidFile]) removeIfThere(path);
    lock.release();
    this.#resolveEnded(final);
  }

  /** From this turn on nothing is decided; the call that met the fault still gets its answer. */
  #onFault(reason: string): void {
    this.journal.fatal({ reason }, "a fault of ours");
    if (this.#state === "READY") this.#enter("DRAINING");
    setImmediate(() => void this.halt(reason));
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
      this.#alerts.tick();
      this.#sinks.tick();
      this.#doors.tick();
    } catch (error) {
      this.journal.error({ err: error }, "housekeeping failed");
    }
  }
}

function removeIfThere(path: string): void {
  if (nodeDisk.identity(path) !== null) nodeDisk.remove(path);
}
