// `faramesh service install` and `service uninstall`: the units by which the host keeps this stack's daemon running. It writes or
// removes those files, and says what starts them; it never speaks to the service manager.
import { dirname, resolve } from "node:path";
import { Command, Option } from "clipanion";
import { nodeDisk, realPath, replaceProjectFile } from "../../runtime/disk.ts";
import { readDaemonFile } from "../../runtime/doors/client.ts";
import { daemonCommand } from "../../runtime/launch.ts";
import {
  type Service,
  ServiceFailure,
  type ServiceManager,
  type ServiceWish,
  serviceOf,
  type Unit,
} from "../../runtime/service.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { FarameshCommand } from "../context.ts";
import { isAnswering } from "../daemon.ts";
import { exits, Stop } from "../exit.ts";
import { visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

const category = "Operation";
const managers: readonly ServiceManager[] = ["systemd", "launchd"];
const managerOption = { description: "systemd or launchd (default: the platform's)" };

export class ServiceInstallCommand extends FarameshCommand {
  static override paths = [["service", "install"]];
  static override usage = Command.Usage({
    category,
    description: "let the host keep this stack's daemon running",
    details:
      "Writes a unit for your user, with systemd also one that holds the agents' socket while the daemon is down, and prints the lines that start them. The daemon comes up with the version that was in force, never with an edited file. Exit codes: 0, 1 nothing was written.",
    examples: [
      ["Write the unit", "faramesh service install"],
      ["Look at it first", "faramesh service install --dry-run"],
    ],
  });
  readonly dryRun = Option.Boolean("--dry-run", false, { description: "print the unit and write nothing" });
  readonly manager = Option.String("--manager", managerOption);
  readonly envFile = Option.String("--env-file", {
    description: "a file of variables for the daemon, NAME=value a line (systemd)",
  });

  async run(io: Terminal): Promise<number> {
    const paths = stackPaths(this.dir);
    const daemon = readDaemonFile(paths);
    if (daemon === null) {
      throw new Stop("no policy was applied here yet: there is nothing to keep running", "first: faramesh apply");
    }
    const manager = managerOf(this.manager);
    if (this.envFile !== undefined && manager !== "systemd") throw new Stop("--env-file is for systemd alone");
    const envFile = this.envFile === undefined ? {} : { envFile: resolve(this.dir, this.envFile) };
    const service = wanted(this.dir, manager, io.env, { ...envFile, agentSocket: daemon.socket });
    const units = unitsOf(service);
    if (this.dryRun) io.line(units.map(({ text }) => text.trimEnd()).join("\n\n"));
    else for (const unit of units) write(unit);
    io.json({ ...service, written: !this.dryRun });
    if (this.dryRun) return exits.ok;
    for (const { path } of units) io.say(`${io.paint.green("✓")} ${visible(path)} written`);
    if (await isAnswering(paths.dir))
      io.say("→ a daemon runs; where no unit started it, first end it: faramesh apply --stop");
    io.say("→ to start it now and at each login:");
    for (const line of service.start) io.say(`    ${visible(line)}`);
    if (manager === "systemd") io.say("  without a login, from boot on: loginctl enable-linger");
    return exits.ok;
  }
}

export class ServiceUninstallCommand extends FarameshCommand {
  static override paths = [["service", "uninstall"]];
  static override usage = Command.Usage({
    category,
    description: "remove the units that `service install` wrote",
    details: "The daemon that runs goes on. Exit codes: 0, 1 there is none.",
    examples: [["Remove it", "faramesh service uninstall"]],
  });
  readonly manager = Option.String("--manager", managerOption);

  async run(io: Terminal): Promise<number> {
    const { agentSocket } = stackPaths(this.dir);
    const service = wanted(this.dir, managerOf(this.manager), io.env, { agentSocket });
    if (nodeDisk.identity(service.path) === null) throw new Stop(`there is no unit ${visible(service.path)}`);
    // One that an earlier release wrote has no socket beside it.
    const there = unitsOf(service).filter(({ path }) => nodeDisk.identity(path) !== null);
    for (const { path } of there) nodeDisk.remove(path);
    io.json({ name: service.name, path: service.path, removed: true });
    for (const { path } of there) io.say(`${io.paint.green("✓")} ${visible(path)} removed`);
    for (const line of service.stop) io.say(`→ ends what still runs of it: ${visible(line)}`);
    return exits.ok;
  }
}

function managerOf(word: string | undefined): ServiceManager {
  if (word === undefined) {
    if (process.platform === "linux") return "systemd";
    if (process.platform === "darwin") return "launchd";
    throw new Stop(`no service manager is known for ${process.platform}`, "name one with --manager");
  }
  const known = managers.find((name) => name === word);
  if (known !== undefined) return known;
  throw new Stop(`--manager is systemd or launchd, not \`${visible(word)}\``, undefined, exits.usage);
}

function wanted(
  dir: string,
  manager: ServiceManager,
  env: NodeJS.ProcessEnv,
  more: Pick<ServiceWish, "agentSocket" | "envFile">,
): Service {
  const { HOME: home, XDG_CONFIG_HOME: configHome } = env;
  if (!home) throw new Stop("HOME is not set: there is no place for the unit");
  try {
    return serviceOf({ manager, dir: realPath(dir), command: daemonCommand(), home, configHome, ...more });
  } catch (error) {
    if (error instanceof ServiceFailure) throw new Stop(visible(error.message));
    throw error;
  }
}

function unitsOf(service: Service): readonly Unit[] {
  return service.socket === null ? [service] : [service, service.socket];
}

function write({ path, text }: Unit): void {
  makeFolders(dirname(path));
  replaceProjectFile(path, Buffer.from(text));
}

function makeFolders(path: string): void {
  if (nodeDisk.identity(path) !== null) return;
  makeFolders(dirname(path));
  nodeDisk.makeDirectory(path);
}
