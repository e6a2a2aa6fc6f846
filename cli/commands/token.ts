// `faramesh token`: who may speak to the daemon over HTTP. It orders; the daemon makes the tokens, keeps hashes of them and records
// it. A token is printed once, and must never be stored.
import { Command, Option } from "clipanion";
import { askOperator } from "../../runtime/doors/client.ts";
import { secondsOf } from "../../runtime/duration.ts";
import type { TokenRole, TokenView } from "../../runtime/tokens.ts";
import { actorName } from "../actor.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { columns, toSeconds, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

const category = "Agents";
const roles: readonly TokenRole[] = ["agent", "monitor", "operator"];

export class TokenCreateCommand extends FarameshCommand {
  static override paths = [["token", "create"]];
  static override usage = Command.Usage({
    category,
    description: "make a bearer token for the HTTP door, and print it this once",
    details:
      "An agent's token speaks for that agent alone; `--agent '*'` for any, for a gateway that names them itself. A monitor reads status and metrics; an operator approves. Exit codes: 0, 1 refused, or no daemon runs.",
    examples: [
      ["For an agent elsewhere", "faramesh token create --agent support-bot --for 90d"],
      ["For Prometheus", "faramesh token create --role monitor"],
    ],
  });
  readonly agent = Option.String("--agent", { description: "the agent that it speaks for" });
  readonly role = Option.String("--role", { description: "agent (the default), monitor or operator" });
  readonly ttl = Option.String("--for", { description: "how long it is in force: 8h, 90d; until it is revoked" });

  async run(io: Terminal): Promise<number> {
    const role = roles.find((known) => known === (this.role ?? "agent"));
    if (role === undefined) throw new Stop(`--role is one of ${roles.join(", ")}`, undefined, exits.usage);
    if ((role === "agent") !== (this.agent !== undefined)) {
      const example = "for instance: faramesh token create --agent support-bot";
      throw new Stop("--agent goes with the tokens of agents, and with no other", example, exits.usage);
    }
    const seconds = this.ttl === undefined ? null : secondsOf(this.ttl);
    if (this.ttl !== undefined && (seconds === null || seconds < 1)) {
      throw new Stop(`--for \`${visible(this.ttl)}\` is no span of time`, "for instance: --for 90d", exits.usage);
    }
    const { token, created } = await askOperator(this.dir, "tokens_create", {
      role,
      actor: actorName(io.env),
      ...(this.agent === undefined ? {} : { agent_id: this.agent }),
      ...(seconds === null ? {} : { ttl_seconds: Math.floor(seconds) }),
    });
    io.json({ token, created });
    io.note(`${created.id} for ${whoText(created)}: it is shown this once`);
    io.line(token);
    return exits.ok;
  }
}

export class TokenListCommand extends FarameshCommand {
  static override paths = [["token"], ["token", "list"]];
  static override usage = Command.Usage({
    category,
    description: "list the tokens of the HTTP door, without their secrets",
    details: "Exit codes: 0, 1 no daemon runs.",
  });

  async run(io: Terminal): Promise<number> {
    const { tokens } = await askOperator(this.dir, "tokens_list", {});
    io.json({ tokens });
    if (tokens.length === 0) io.line("no tokens: nobody is heard over HTTP");
    const rows = tokens.map((token) => [
      token.id,
      whoText(token),
      `since ${toSeconds(token.created_at)} by ${visible(token.created_by)}`,
      token.expires_at === null ? "" : `until ${toSeconds(token.expires_at)}`,
    ]);
    for (const line of columns(rows)) io.line(line);
    return exits.ok;
  }
}

export class TokenRevokeCommand extends FarameshCommand {
  static override paths = [["token", "revoke"]];
  static override usage = Command.Usage({
    category,
    description: "put a token out of force, at once",
    details: "Exit codes: 0, 1 there is no such token, or no daemon runs.",
  });
  readonly id = Option.String({ name: "id" });

  async run(io: Terminal): Promise<number> {
    const { revoked } = await askOperator(this.dir, "tokens_revoke", { id: this.id, actor: actorName(io.env) });
    io.json({ revoked });
    io.say(`${io.paint.green("✓")} ${revoked.id} of ${whoText(revoked)} is revoked`);
    return exits.ok;
  }
}

function whoText({ role, agent_id }: TokenView): string {
  if (role !== "agent") return role;
  return agent_id === null ? "any agent" : `agent ${visible(agent_id)}`;
}
