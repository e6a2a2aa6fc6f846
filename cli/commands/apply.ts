// `faramesh apply`: compiles the policy and puts it in force: starts the daemon, or has it swap in place. The daemon stores
// the version and writes the record; this command only asks, and asks nothing before the policy compiles.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Command, Option } from "clipanion";
import { askOperator, OperatorRefused, readDaemonFile } from "../../runtime/doors/client.ts";
import type { ApplyAnswer, StatusAnswer } from "../../runtime/doors/views.ts";
import { readPinnedKeys } from "../../runtime/pinned-keys.ts";
import { lockFileName } from "../../runtime/registry/lock-file.ts";
import { type StackPaths, stackPaths } from "../../runtime/stack.ts";
import { actorName } from "../actor.ts";
import { writeAgentScript } from "../agent-script.ts";
import type { TriedAssert } from "../asserts.ts";
import type { BundleInHand } from "../bundle-source.ts";
import { changesBetween, summaryOf } from "../changes.ts";
import { FarameshCommand } from "../context.ts";
import { isAnswering, type LaunchSettings, launch, launchSettings, startHelp, stopDaemon } from "../daemon.ts";
import { exits, Stop } from "../exit.ts";
import { pinNew } from "../imports.ts";
import { type CompiledPolicy, compilePolicy, readPolicyFile } from "../policy-file.ts";
import { countText, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";
import { withoutProviders } from "../without-providers.ts";

export class ApplyCommand extends FarameshCommand {
  static override paths = [["apply"]];
  static override usage = Command.Usage({
    category: "Policy",
    description: "put the policy in force",
    details:
      "Starts the daemon, or swaps the policy in the running one. A policy that does not compile changes nothing. Exit codes: 0, 1 nothing was applied, 2 --no-new-access found a call that is opened, or an assert does not hold or is not proved, 4 the daemon did not come up.",
    examples: [
      ["Put the policy of this folder in force", "faramesh apply"],
      ["Take a bundle, without a network", "faramesh apply --offline --bundle bundle.tar"],
      ["Stop the daemon", "faramesh apply --stop"],
    ],
  });
  readonly stop = Option.Boolean("--stop", false, { description: "stop the daemon; calls in flight are finished" });
  readonly foreground = Option.Boolean("--foreground", false, { description: "run the daemon in this process" });
  readonly force = Option.Boolean("--force", false, {
    description:
      "start the daemon anew where it cannot take a change while it runs; go past --no-new-access and asserts",
  });
  readonly noNewAccess = Option.Boolean("--no-new-access", false, {
    description: "change nothing, and exit 2, when a call could get further than under the policy in force",
  });
  readonly dryRun = Option.Boolean("--dry-run", false, { description: "do everything but change anything" });
  readonly offline = Option.Boolean("--offline", false, { description: "never ask a registry over the network" });

  readonly bundle = Option.String("--bundle", { description: "take the policy from a bundle instead of the folder" });
  readonly sha256 = Option.String("--sha256", { description: "with --bundle: the file's digest, told by another way" });
  #taken: BundleInHand | null = null;
  /** Calls that --no-new-access found. */
  #opened = 0;
  #isAudit = false;
  /** Keywords of the policy's blocks. */
  #declared: ReadonlySet<string> = new Set();
  /** Against the version in force, in a few words; "" where that is not known. */
  #changes = "";
  /** Asserts that do not hold, or are not proved. */
  #broken: readonly TriedAssert[] = [];

  async run(io: Terminal): Promise<number> {
    const paths = stackPaths(this.dir);
    if (this.stop) return this.#stop(io);
    if (this.sha256 !== undefined && this.bundle === undefined)
      throw new Stop("--sha256 is of a bundle: --bundle FILE", undefined, exits.usage);
    if (this.bundle !== undefined) {
      const { takeBundle } = await import("../bundle-source.ts");
      this.#taken = await takeBundle(io, this.dir, resolve(this.dir, this.bundle), this.sha256);
    }
    const policy =
      this.#taken?.policy ?? (await compilePolicy(io, this.dir, readPolicyFile(this.dir), { offline: this.offline }));
    const { loadPolicySync } = await import("../../runtime/evaluator/index.ts");
    const { unsupportedRuntime } = await import("../../runtime/policy.ts");
    const loaded = loadPolicySync(policy.image, { state: "volatile" });
    const runtime = loaded.runtime();
    refuseUnsupported(unsupportedRuntime(runtime), policy.source.file);
    const { shortcomings } = await import("../../runtime/declarations.ts");
    for (const sentence of shortcomings(loaded.blocks())) io.note(`⚠ ${visible(sentence)}`);
    await this.#readService(io, runtime.http_openapi);
    this.#isAudit = runtime.mode === "audit";
    this.#declared = new Set(loaded.blocks().map(({ keyword }) => keyword));
    const settings = launchSettings(paths, runtime, io.env);
    const isRefused = await this.#tryAsserts(io, policy, loaded.info.policy_hash);
    if (isRefused && !this.dryRun) return exits.changes;
    if (this.noNewAccess || this.dryRun) {
      if (await this.#rehearse(io, policy, loaded.info.policy_hash))
        return isRefused || (this.#opened > 0 && !this.force) ? exits.changes : exits.ok;
    }
    const hadKeys = existsSync(paths.verifierKeys);
    if (this.foreground) return this.#serve(io, paths, policy, settings);
    const running = await isAnswering(paths.dir);
    let pid = running ? null : await launch(paths, settings);
    const before = await askOperator(paths.dir, "status", {});
    let answer: ApplyAnswer;
    try {
      answer = await this.#ask(io, policy, before);
    } catch (error) {
      // None ran before: it was started for this policy, and not to go on with an earlier one.
      if (pid !== null) await stopDaemon(paths.dir, io.env);
      // The log stays, and the next apply will find its key there.
      if (pid !== null && !hadKeys) tellKeys(io, paths);
      if (!(this.force && running && error instanceof OperatorRefused && error.code === "UNSUPPORTED")) throw error;
      await stopDaemon(paths.dir, io.env);
      pid = await launch(paths, settings);
      answer = await this.#ask(io, policy, before);
    }
    const socket = readDaemonFile(paths)?.socket ?? paths.agentSocket;
    this.#report(io, policy, { answer, pid, before, socket });
    this.#pin(io, policy);
    writeAgentScript(paths);
    if (!hadKeys) tellKeys(io, paths);
    return exits.ok;
  }

  /** The daemon would go on without it, and say so in its status: here there is somebody to read it. */
  async #readService(io: Terminal, file: unknown): Promise<void> {
    if (typeof file !== "string") return;
    const { readService } = await import("../../runtime/doors/proxy/service-file.ts");
    const { DocumentFailure } = await import("../../runtime/doors/proxy/openapi.ts");
    try {
      const { service } = await readService(this.dir, file);
      for (const one of service.leftOut) io.note(`⚠ ${visible(file)}: left out: ${visible(one)}`);
    } catch (error) {
      if (!(error instanceof DocumentFailure)) throw error;
      throw new Stop(visible(error.message), "`http_openapi` in `runtime { }` names the service's document");
    }
  }

  /** Whether asserts stand in the way. */
  async #tryAsserts(io: Terminal, { stack, image }: CompiledPolicy, policyHash: string): Promise<boolean> {
    if (stack.asserts.length === 0 && agentsWith(stack).every(({ asserts }) => asserts.length === 0)) return false;
    const { assertsJson, failing, printAsserts, tryAsserts } = await import("../asserts.ts");
    const broken = failing(tryAsserts({ stack, image }));
    this.#broken = broken;
    if (broken.length === 0) return false;
    const isRefused = !this.force;
    if (isRefused && !this.dryRun) {
      const running = await isAnswering(this.dir);
      const asserts = assertsJson(broken);
      io.json({ applied: false, dry_run: false, policy_hash: policyHash, opened: 0, running, asserts });
    }
    printAsserts(io, broken);
    const what = `${countText(broken.length, "assert")} not proved`;
    if (isRefused)
      io.complain(
        `${io.paint.red("✗")} ${what}: nothing was changed\n  --force applies it all the same, and is recorded`,
      );
    else io.note(`⚠ ${what}; recorded with the version (--force)`);
    return isRefused;
  }

  /** Whether that was all. */
  async #rehearse(io: Terminal, policy: CompiledPolicy, policyHash: string): Promise<boolean> {
    const { accessTo, openings, printOpenings, printRehearsal, versionInForce } = await import("../rehearsal.ts");
    const active = await versionInForce(this.dir, io.env);
    const access = await accessTo(this.dir, active, policy);
    const opened = openings(access);
    this.#opened = this.noNewAccess ? opened : 0;
    const isOver = this.dryRun || (this.#opened > 0 && !this.force);
    if (isOver) {
      const running = await isAnswering(this.dir);
      const asserts = this.#broken.length === 0 ? [] : (await import("../asserts.ts")).assertsJson(this.#broken);
      io.json({ applied: false, dry_run: this.dryRun, policy_hash: policyHash, opened, running, asserts });
    }
    if (this.dryRun) await printRehearsal(io, this.dir, active, policy, access);
    else if (access !== null && this.#opened > 0) printOpenings(io, access);
    if (this.#opened > 0) {
      const what = `it opens ${openedText(this.#opened)} that v${active?.number} does not`;
      if (this.force) io.note(`⚠ ${what}; recorded with the version (--force)`);
      else
        io.complain(
          `${io.paint.red("✗")} ${what}: nothing was changed\n  faramesh plan shows all; --force applies it all the same`,
        );
    }
    if (this.dryRun) io.say("→ dry run: nothing was changed");
    return isOver;
  }

  async #ask(io: Terminal, policy: CompiledPolicy, before: StatusAnswer): Promise<ApplyAnswer> {
    const changes = await changesBetween(this.dir, before.daemon.image_hash, policy.stack);
    const image = Buffer.from(policy.image).toString("base64");
    const opens = this.#opened > 0 ? `opens ${openedText(this.#opened)}, by --force; ` : "";
    const broken = this.#broken.length;
    const breaks = broken > 0 ? `${countText(broken, "assert")} not proved, by --force; ` : "";
    const forced = `${breaks}${opens}`;
    this.#changes = changes === null ? "" : summaryOf(changes);
    const summary = `${forced}${this.#changes}`;
    return askOperator(this.dir, "apply", { image, sources: policy.sources, actor: actorName(io.env), summary });
  }

  /** What was applied is pinned: another text under the same version is refused from now on. */
  #pin(io: Terminal, policy: CompiledPolicy): void {
    const count = this.#taken === null ? pinNew(this.dir, policy.gathered, policy.imports) : 0;
    if (this.#taken !== null) this.#unpack(io, this.#taken);
    if (count > 0) io.say(`${io.paint.green("✓")} ${countText(count, "import")} pinned in ${lockFileName}`);
  }

  /** What was applied is put into the folder, so that the next command finds it. */
  #unpack(io: Terminal, taken: BundleInHand): void {
    const files = taken.write();
    io.say(`${io.paint.green("✓")} ${countText(files.length, "file")} of the bundle written`);
    if (taken.isFirstUse) io.say(`→ bundles must be signed by ${taken.keyText} from now on: pinned at this first use`);
  }

  #report(io: Terminal, policy: CompiledPolicy, outcome: Outcome): void {
    report(io, policy, outcome, this.#changes);
    const { answer, pid, before } = outcome;
    const isNew = pid !== null || (answer.changed && before.providers.length > 0);
    if (!this.#declared.has("provider") && isNew) {
      const agent_ids = this.#declared.has("identity") ? "verified" : "claimed";
      io.say(`→ no provider is declared: ${withoutProviders({ signing: before.daemon.signing, agent_ids })}`);
    }
    if (this.#isAudit) io.note("⚠ audit mode: nothing is blocked; faramesh plan says what enforcing would block");
  }

  async #stop(io: Terminal): Promise<number> {
    const pid = await stopDaemon(this.dir, io.env);
    io.json({ stopped: pid !== null, pid });
    io.say(
      pid === null
        ? "no daemon runs for this stack: nothing to stop"
        : `${io.paint.green("✓")} runtime stopped (pid=${pid})`,
    );
    return exits.ok;
  }

  async #serve(io: Terminal, paths: StackPaths, policy: CompiledPolicy, settings: LaunchSettings): Promise<number> {
    const hadKeys = existsSync(paths.verifierKeys);
    const { startDaemon, StartFailure } = await import("../../runtime/start-daemon.ts");
    try {
      const daemon = await startDaemon({ dir: paths.dir, ...settings, env: io.env });
      const end = (): void => daemon.beginStop();
      process.on("SIGINT", end);
      process.on("SIGTERM", end);
      process.on("SIGHUP", end);
      try {
        const before = await askOperator(paths.dir, "status", {});
        const answer = await this.#ask(io, policy, before);
        this.#report(io, policy, { answer, pid: process.pid, before, socket: daemon.places.agent });
        this.#pin(io, policy);
        writeAgentScript(paths);
        if (!hadKeys) tellKeys(io, paths);
      } catch (error) {
        await daemon.stop();
        throw error;
      }
      const { exitCode, reason } = await daemon.ended;
      if (exitCode !== 0) throw new Stop(`the runtime ended: ${reason}`, undefined, exits.daemonDown);
      io.note("runtime stopped");
      return exits.ok;
    } catch (error) {
      if (!(error instanceof StartFailure)) throw error;
      throw new Stop(
        `the runtime did not start: ${error.code}: ${error.message}`,
        startHelp(error.code),
        exits.daemonDown,
      );
    }
  }
}

function refuseUnsupported(fields: readonly string[], file: string): void {
  if (fields.length === 0) return;
  const names = fields.map((field) => `\`${field}\``).join(", ");
  throw new Stop(
    `runtime: ${names} ${fields.length === 1 ? "is" : "are"} not supported yet`,
    `take it out of \`runtime { }\` in ${file}: it would not be carried out`,
  );
}

/** The log's key, when this start made it. */
function tellKeys(io: Terminal, paths: StackPaths): void {
  const keys = existsSync(paths.verifierKeys) ? readPinnedKeys(paths.verifierKeys) : null;
  const key = keys?.find(({ kind }) => kind === "log");
  if (key !== undefined) io.say(`→ verifier key ${key.text}\n  kept in faramesh.vkey: commit it`);
}

interface Outcome {
  readonly answer: ApplyAnswer;
  /** Of the daemon that this command started; null where one ran. */
  readonly pid: number | null;
  readonly before: StatusAnswer;
  readonly socket: string;
}

function report(io: Terminal, policy: CompiledPolicy, { answer, pid, before, socket }: Outcome, changes: string): void {
  const { version, policy_hash, image_hash, changed, phases_started } = answer;
  const swapped = answer.swapped && pid === null;
  io.json({ version, policy_hash, image_hash, changed, swapped, started: pid !== null, pid, socket, phases_started });
  const tick = io.paint.green("✓");
  const { policy_version, rolled_back } = before.daemon;
  if (rolled_back && changed)
    io.note(
      `⚠ ${policy_version} was in force by a rollback; ${policy.source.file} replaces it${changes === "" ? "" : `: ${changes}`}`,
    );
  if (rolled_back && !changed) io.note(`⚠ ${policy_version} is in force by a rollback`);
  io.say(`${tick} ${policy.source.file} compiled (${version}, ${policy_hash.slice(0, 8)})`);
  if (!changed) io.say(`= ${version} is in force already: nothing changed`);
  if (pid !== null) io.say(`→ runtime started (pid=${pid})`);
  else if (changed) io.say(`${tick} swapped in place, 0 calls dropped`);
  for (const phase of phases_started) io.say(`${tick} phase ${visible(phase)} has begun`);
  if (pid !== null) io.say(`→ socket ${socket}`);
}

function agentsWith({ agents, anonymous }: CompiledPolicy["stack"]) {
  return anonymous === null ? agents : [...agents, anonymous];
}

function openedText(count: number): string {
  return `${countText(count, "kind")} of calls`;
}
