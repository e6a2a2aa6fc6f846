// `faramesh approvals grants`: what is allowed ahead of time, so that a defer becomes a permit. It compiles the grant's rule with the
// policy language's own compiler; the daemon keeps and counts.
import { Command, Option } from "clipanion";
import { askOperator } from "../../runtime/doors/client.ts";
import type { GrantView } from "../../runtime/doors/views.ts";
import { secondsOf } from "../../runtime/duration.ts";
import { actorName } from "../actor.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { columns, countText, numberText, toSeconds, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

const category = "Approvals";

export class GrantsAddCommand extends FarameshCommand {
  static override paths = [["approvals", "grants", "add"]];
  static override usage = Command.Usage({
    category,
    description: "let calls that would be deferred pass, for a time",
    details:
      "The tool may be a pattern; --if is a condition of the policy language over the call. Exit codes: 0, 1 refused, or no daemon runs.",
    examples: [
      [
        "Small refunds for a shift",
        `faramesh approvals grants add bot 'stripe/*' --if 'amount < 100' --for 8h --uses 20`,
      ],
    ],
  });
  readonly agent = Option.String({ name: "agent" });
  readonly tool = Option.String({ name: "tool" });
  readonly condition = Option.String("--if", { description: "a condition over the call: amount < 100" });
  readonly ttl = Option.String("--for", { required: true, description: "how long it stands: 30m, 8h, 7d" });
  readonly uses = Option.String("--uses", { description: "most calls that it lets pass" });
  readonly reason = Option.String("--reason", { description: "kept in the log" });

  async run(io: Terminal): Promise<number> {
    const seconds = secondsOf(this.ttl);
    if (seconds === null || seconds < 1) {
      throw new Stop(
        `--for \`${visible(this.ttl)}\` is no span of time`,
        "for instance: --for 30m, --for 8h",
        exits.usage,
      );
    }
    if (this.uses !== undefined && !/^[1-9][0-9]{0,8}$/.test(this.uses)) {
      throw new Stop("--uses is a number of calls, from 1", undefined, exits.usage);
    }
    const image = await compiledRule(this.agent, this.tool, this.condition);
    const { grant } = await askOperator(this.dir, "grants_add", {
      agent_id: this.agent,
      image,
      ttl_seconds: Math.floor(seconds),
      actor: actorName(io.env),
      ...(this.uses === undefined ? {} : { uses_max: Number(this.uses) }),
      ...(this.reason === undefined ? {} : { reason: this.reason }),
    });
    io.json({ grant });
    io.say(`${io.paint.green("✓")} ${grant.id}: ${grantText(grant)}`);
    return exits.ok;
  }
}

export class GrantsListCommand extends FarameshCommand {
  static override paths = [
    ["approvals", "grants"],
    ["approvals", "grants", "list"],
  ];
  static override usage = Command.Usage({
    category,
    description: "list standing grants: those in force, and the latest that ended",
    details: "Exit codes: 0, 1 no daemon runs.",
  });
  readonly agent = Option.String("--agent", { description: "of this agent only" });

  async run(io: Terminal): Promise<number> {
    const request = this.agent === undefined ? {} : { agent_id: this.agent };
    const { grants } = await askOperator(this.dir, "grants_list", request);
    io.json({ grants });
    if (grants.length === 0) io.line("no standing grants");
    const rows = grants.map((grant) => {
      const color = grant.status === "active" ? io.paint.green : io.paint.dim;
      return [grant.id, color(grant.status.replace("_", " ")), grantText(grant)];
    });
    for (const line of columns(rows)) io.line(line);
    return exits.ok;
  }
}

export class GrantsRevokeCommand extends FarameshCommand {
  static override paths = [["approvals", "grants", "revoke"]];
  static override usage = Command.Usage({
    category,
    description: "take a standing grant back",
    details: "An id may be shortened as long as it names one grant. Exit codes: 0, 1 not found or over already.",
  });
  readonly id = Option.String({ name: "id" });
  readonly reason = Option.String("--reason", { description: "kept in the log" });

  async run(io: Terminal): Promise<number> {
    const { grants } = await askOperator(this.dir, "grants_list", {});
    const wanted = this.id.startsWith("grt-") ? this.id : `grt-${this.id}`;
    const found = grants.filter(({ id }) => id.startsWith(wanted));
    const [only] = found;
    const list = "see: faramesh approvals grants list";
    if (only === undefined || this.id === "") throw new Stop(`there is no grant \`${visible(this.id)}\``, list);
    if (found.length > 1) throw new Stop(`\`${visible(this.id)}\` begins ${countText(found.length, "grant")}`, list);
    const { grant } = await askOperator(this.dir, "grants_revoke", {
      id: only.id,
      actor: actorName(io.env),
      ...(this.reason === undefined ? {} : { reason: this.reason }),
    });
    io.json({ grant });
    io.say(`${io.paint.green("✓")} ${grant.id} revoked after ${countText(grant.uses, "use")}`);
    return exits.ok;
  }
}

/** The rule as an image in base64. Throws Stop with the compiler's words. */
async function compiledRule(agent: string, tool: string, condition: string | undefined): Promise<string> {
  const { compile } = await import("../../compiler/index.ts");
  if (/["\\\p{Cc}]/u.test(agent)) throw new Stop(`\`${visible(agent)}\` is no agent's id`, undefined, exits.usage);
  if (/[\p{Cc}{}]/u.test(`${tool}${condition ?? ""}`)) {
    throw new Stop("a tool and a condition stand on one line, without braces", undefined, exits.usage);
  }
  const rule = `permit "${tool.replaceAll('"', "")}"${condition === undefined ? "" : ` if ${condition}`}`;
  const { image, diagnostics } = compile(`agent "${agent}" {\n  default deny\n  ${rule}\n}\n`, { file: "grant" });
  const error = diagnostics.find(({ severity }) => severity === "error");
  if (image === undefined) throw new Stop(`\`${visible(rule)}\`: ${visible(error?.message ?? "no rule")}`, error?.help);
  return Buffer.from(image).toString("base64");
}

function grantText(grant: GrantView): string {
  const { agent_id, tool, condition, uses, uses_max, expires_at, ended_at, ended_by, created_by, reason } = grant;
  const when = condition === null ? "" : ` if ${visible(condition)}`;
  const used = uses_max === null ? countText(uses, "use") : `${numberText(uses)} of ${countText(uses_max, "use")}`;
  const end =
    ended_at === null
      ? `until ${toSeconds(expires_at)}`
      : `ended ${toSeconds(ended_at)}${ended_by === null ? "" : ` by ${visible(ended_by)}`}`;
  const why = reason === "" ? "" : `: ${visible(reason)}`;
  return `${visible(agent_id)} ${visible(tool)}${when}, ${used}, ${end}, from ${visible(created_by)}${why}`;
}
