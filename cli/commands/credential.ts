// `faramesh credential`: which secrets calls would bring, and whether they can be had. It never sees a value.
import { Command, Option } from "clipanion";
import { askOperator } from "../../runtime/doors/client.ts";
import type { CredentialView } from "../../runtime/doors/views.ts";
import { actorName } from "../actor.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { columns, durationText, toSeconds, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

const category = "Credentials";

export class CredentialPreviewCommand extends FarameshCommand {
  static override paths = [["credential"], ["credential", "preview"]];
  static override usage = Command.Usage({
    category,
    description: "show which secret a call would bring, and who gives it",
    details: "Nobody is asked for a secret. Exit codes: 0, 1 no daemon runs.",
    examples: [["What a tool would get", "faramesh credential preview --agent bot --tool stripe/refund"]],
  });
  readonly agent = Option.String("--agent", { description: "of this agent" });
  readonly tool = Option.String("--tool", { description: "what covers this tool" });

  async run(io: Terminal): Promise<number> {
    const credentials = await credentialsOf(this.dir, this.agent, this.tool);
    io.json({ credentials });
    for (const line of columns(credentials.map((one) => rowOf(io, one)))) io.line(line);
    if (credentials.length === 0) io.say("no credential of the policy fits");
    return exits.ok;
  }
}

export class CredentialProbeCommand extends FarameshCommand {
  static override paths = [["credential", "probe"]];
  static override usage = Command.Usage({
    category,
    description: "ask for secrets as a call would, and drop them",
    details: "Names of values are shown, never values. Each try is on record. Exit codes: 0, 1 one could not be had.",
  });
  readonly id = Option.String({ name: "id", required: false });
  readonly agent = Option.String("--agent", { description: "of this agent" });

  async run(io: Terminal): Promise<number> {
    const all = await credentialsOf(this.dir, this.agent);
    const wanted = all.filter(({ id }) => this.id === undefined || id === this.id);
    if (wanted.length === 0)
      throw new Stop("no credential of the policy fits", "faramesh credential preview lists them");
    const probes = [];
    for (const { agent_id, id } of wanted) {
      const { ok: _ok, ...probe } = await askOperator(this.dir, "credential_probe", {
        agent_id,
        id,
        actor: actorName(io.env),
      });
      probes.push(probe);
    }
    io.json({ probes });
    for (const { credential, obtained, why, names, expires_at } of probes) {
      const who = `${visible(credential.id)} of ${visible(credential.agent_id)}`;
      const until = expires_at === null ? "" : `, until ${toSeconds(expires_at)}`;
      if (obtained) io.line(`${io.paint.green("✓")} ${who}: ${visible(names.join(", "))}${until}`);
      else io.line(`${io.paint.red("✗")} ${who}: ${visible(why ?? "")}`);
    }
    return probes.every(({ obtained }) => obtained) ? exits.ok : exits.failed;
  }
}

async function credentialsOf(dir: string, agent?: string, tool?: string): Promise<readonly CredentialView[]> {
  const request = { ...(agent === undefined ? {} : { agent_id: agent }), ...(tool === undefined ? {} : { tool }) };
  return (await askOperator(dir, "credentials_list", request)).credentials;
}

function rowOf(io: Terminal, { id, agent_id, tools, ref, why, path, ttl_seconds }: CredentialView): string[] {
  const from = ref === null ? io.paint.yellow(visible(why ?? "")) : visible(ref);
  const ttl = ttl_seconds === null ? "" : `, for ${durationText(ttl_seconds)}`;
  return [
    visible(agent_id),
    visible(id),
    visible(tools.join(" ")),
    `${from}${path === null ? "" : ` ${visible(path)}`}${ttl}`,
  ];
}
