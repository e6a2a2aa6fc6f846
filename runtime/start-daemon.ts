// The way to a daemon that runs: one per stack, its places made, its log opened and recovered from, its doors open. What fails on
// the way is told as a StartFailure, and must leave nothing running, locked or changed.
import type { Logger } from "pino";
import { Actions } from "./actions.ts";
import { Approvals } from "./approvals.ts";
import { CallTable } from "./calls.ts";
import { systemClock } from "./clock.ts";
import { Progress } from "./completion.ts";
import { Daemon, type DaemonOptions } from "./daemon.ts";
import { type DiskLock, nodeDisk } from "./disk.ts";
import {
  checkSigning,
  checkTakenOver,
  type Environment,
  httpSettingsOf,
  httpWordsOf,
  type RuntimeSettings,
  settingOf,
} from "./fixed-settings.ts";
import { Grants } from "./grants.ts";
import { Holds } from "./holds.ts";
import { Identities } from "./identities/identities.ts";
import { journalLevelOf, openJournal } from "./journal.ts";
import { Ledger, TurnClock } from "./ledger.ts";
import { Log } from "./log/log.ts";
import { evaluator } from "./machine.ts";
import { machineKind, ownMachineHash, storeMachine } from "./machines.ts";
import { PhaseEnds } from "./phases.ts";
import { type ActivePolicy, Policies, PolicyHistory } from "./policy.ts";
import { checkSocketDir, preparePlaces, prepareShortDir } from "./premises.ts";
import { Prices, pricesVariable } from "./prices/prices.ts";
import { Providers } from "./providers/providers.ts";
import { Recovery } from "./recover.ts";
import { SignerKeys } from "./signer-keys.ts";
import { type StackPaths, socketPlaces, stackPaths } from "./stack.ts";
import type { SpanExporter } from "./telemetry/exporter.ts";
import { Tokens } from "./tokens.ts";

/** The daemon may not start. `code` says why; nothing is left running or changed. */
export class StartFailure extends Error {
  readonly code: string;
  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

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
    const journal = openJournal(paths.daemonLog, journalLevelOf(runtime.log_level));
    const providers = new Providers({ ledger, journal, env, dir: paths.dir, dev: options.dev ?? false });
    const identities = new Identities({ clock, env, dir: paths.dir });
    const policies: Policies = new Policies(history, {
      ledger,
      policiesDir: paths.policies,
      walDir,
      disk: options.disk ?? nodeDisk,
      load: machine.load,
      startProviders: async (blocks, allowPrivate) => {
        const down = await providers.rehearse({ blocks, allowPrivate });
        // In dev mode agents are who they say they are.
        return options.dev === true ? down : [...down, ...(await identities.rehearse(blocks, allowPrivate))];
      },
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
    const daemon = new Daemon({
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
      providers,
      identities,
      spans: await spansOf(env, journal),
      prices: Prices.read(nodeDisk, env[pricesVariable]),
      startedUs,
    });
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

/** The failure as it is told to whoever starts the daemon; the log's opening wraps what a record's taker throws. */
function asStartFailure(error: unknown): StartFailure {
  if (error instanceof StartFailure) return error;
  const inner = error instanceof Error && error.cause instanceof Error && "code" in error.cause ? error.cause : error;
  const code = inner instanceof Error && "code" in inner ? String(inner.code) : "START_FAILED";
  return new StartFailure(code, inner instanceof Error ? inner.message : String(inner), error);
}
