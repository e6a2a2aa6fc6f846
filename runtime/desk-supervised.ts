// What an operator may order of agents that the daemon runs itself: start one, end it, list them. Start and end are records.
import { readdirSync, rmSync, statSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { actorOf, agentIdOf, optionalText, Refusal } from "./desk-words.ts";
import { nodeDisk } from "./disk.ts";
import type { RunView } from "./doors/views.ts";
import type { Environment } from "./fixed-settings.ts";
import type { Governor } from "./governor.ts";
import { everyAgent } from "./holds.ts";
import type { Json, JsonObject } from "./json.ts";
import { stampOf } from "./policy.ts";
import type { StackPaths } from "./stack.ts";
import { runsMax, Supervisor } from "./supervisor.ts";

const markKind = "supervised";
/** Two files a run. */
const outputsMax = 128;
const wordsMax = 1_024;
const textBytesMax = 128 * 1024;

/** `{op: "launch" | "stop" | "list"}`; answers with the runs that it is about. Throws Refusal, and what `Ledger.append` throws. */
export async function supervise(governor: Governor, supervisor: Supervisor, message: JsonObject): Promise<object> {
  switch (message.op) {
    case "list":
      return { ok: true, runs: supervisor.list() };
    case "launch":
      return { ok: true, runs: [await launch(governor, supervisor, message)] };
    case "stop":
      return { ok: true, runs: await stop(governor, supervisor, message) };
    default:
      throw new Refusal("BAD_REQUEST", "`op` is launch, stop or list");
  }
}

async function launch(governor: Governor, supervisor: Supervisor, message: JsonObject): Promise<RunView> {
  const { policies, holds } = governor;
  const agentId = agentIdOf(message);
  if (agentId === everyAgent) throw new Refusal("BAD_REQUEST", "name one agent");
  if (policies.active === null) throw new Refusal("NOT_READY", "no policy is active");
  const held = holds.of(agentId, policies.active.declarations.killedByDefault);
  if (held !== null) throw new Refusal("BAD_REQUEST", `${agentId} is ${held.state}: nothing was started`);
  const command = textsOf(message.command, "command");
  const supervised = policies.active.policy.runtime().supervised_command;
  if (command.length === 0 && (typeof supervised !== "string" || supervised === ""))
    throw new Refusal("BAD_REQUEST", "there is no command: name one, or set runtime { supervised_command }");
  const [reads, writes] = [textsOf(message.reads, "reads"), textsOf(message.writes, "writes")];
  const workingDir = optionalText(message.working_dir);
  if (workingDir === null || ![workingDir, ...reads, ...writes].every(isAbsolute))
    throw new Refusal("BAD_REQUEST", "`working_dir`, `reads` and `writes` are absolute paths");
  if (!supervisor.hasRoom()) throw new Refusal("BAD_REQUEST", `${runsMax} agents run already`);
  if (!supervisor.canLaunch())
    throw new Refusal("UNSUPPORTED", "`.faramesh/bin/agent` is not there: faramesh apply writes it");
  const view = supervisor.launch({ agentId, command, reads, writes, workingDir });
  await record(governor, { change: "launched", ...aboutOf(view), actor: actorOf(message) });
  return view;
}

async function stop(governor: Governor, supervisor: Supervisor, message: JsonObject): Promise<readonly RunView[]> {
  const which = optionalText(message.run) ?? optionalText(message.agent_id);
  if (which === null) throw new Refusal("BAD_REQUEST", "`run` or `agent_id` is missing");
  const wanted = which === everyAgent ? null : which;
  const running = supervisor.list().filter(({ state }) => state !== "ended");
  const found = running.filter(({ run, agent_id }) => wanted === null || run === wanted || agent_id === wanted);
  if (found.length === 0 && wanted !== null) throw new Refusal("NOT_FOUND", `nothing runs that is called ${which}`);
  for (const view of found) await record(governor, { change: "stopped", ...aboutOf(view), actor: actorOf(message) });
  return supervisor.stop(wanted);
}

export function openSupervisor(paths: StackPaths, env: Environment, governor: Governor): Supervisor {
  return new Supervisor({
    script: paths.agentScript,
    outputOf: (run) => join(folderFor(paths.agentOutput), `${run}.log`),
    env,
    clock: governor.ledger.clock,
    onEnded: (view) => recordEnd(governor, view),
  });
}

/** Makes the folder, and room in it: the output of the latest runs is kept. */
function folderFor(folder: string): string {
  nodeDisk.makeDirectory(folder);
  const files = readdirSync(folder).map((name) => join(folder, name));
  const aged = files
    .map((file) => ({ file, changedMs: statSync(file).mtimeMs }))
    .sort((a, b) => b.changedMs - a.changedMs);
  for (const { file } of aged.slice(outputsMax)) rmSync(file, { force: true });
  return folder;
}

/** An end is on record, too, as long as there is a log to record it in. */
function recordEnd(governor: Governor, view: RunView): void {
  const { ledger, policies, journal } = governor;
  if (!ledger.isUsable) return;
  const detail = { change: "ended", ...aboutOf(view), exit_code: view.exit_code };
  try {
    ledger.append("mark", stampOf(policies.active), { kind: markKind, detail }, ledger.clock.now());
  } catch (error) {
    journal.error({ err: error, run: view.run }, "the end of a supervised agent could not be recorded");
  }
}

async function record({ ledger, policies }: Governor, detail: JsonObject): Promise<void> {
  const { seq } = ledger.append("mark", stampOf(policies.active), { kind: markKind, detail }, ledger.clock.now());
  await ledger.durable(seq);
}

function aboutOf({ run, agent_id, program }: RunView): { run: string; agent_id: string; program: string | null } {
  return { run, agent_id, program };
}

function textsOf(value: Json | undefined, name: string): readonly string[] {
  if (value === undefined || value === null) return [];
  const isList = Array.isArray(value) && value.length <= wordsMax;
  const texts = isList ? value.filter((one): one is string => typeof one === "string" && !one.includes("\0")) : [];
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (!isList || texts.length !== value.length || bytes > textBytesMax)
    throw new Refusal("BAD_REQUEST", `\`${name}\` is a list of texts, ${textBytesMax} bytes at most`);
  return texts;
}
