// The demo: the three loops of work with a governed agent, played in a fresh folder with the built command line. Every
// command is shown with its real output and held to what is expected; any difference makes the demo fail.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Stage, Stopped } from "./stage.ts";

const stage = new Stage();
try {
  await firstApply();
  await change();
  await monitor();
} catch (error) {
  if (!(error instanceof Stopped)) throw error;
} finally {
  stage.leave();
}
if (stage.failures > 0) {
  process.stdout.write(`\n✗ ${stage.failures} expectations do not hold\n`);
  process.exitCode = 1;
} else process.stdout.write("\n✓ every step went as expected\n");

async function firstApply(): Promise<void> {
  stage.heading(
    "Find the tools",
    "init reads the agent's source and writes a policy that asks a person about each tool.",
  );
  await stage.faramesh(["init", "--non-interactive", "--offline"], { has: ["Tools discovered: 6", "stripe/refund"] });

  stage.heading("Write the policy", "The example brings one; check reads it, plan says what it would change.");
  stage.copyExample("governance.fms");
  process.stdout.write(`${policy().trimEnd().replace(/^/gm, "  │ ")}\n\n`);
  await stage.faramesh(["check"], { has: ["✓ governance.fms valid"] });
  await stage.faramesh(["plan"], { has: ["+ permit stripe/charge if amount < $500"] });

  stage.heading("Put it in force", "apply stores version 1 and starts the daemon that decides.");
  await stage.faramesh(["apply"], { has: ["governance.fms compiled (v1,"] });
  await stage.faramesh(["status"], { has: ["READY", "v1"] });

  stage.heading(
    "Run the agent",
    "Each tool call is decided before the tool runs: permitted, denied, or deferred to a person.",
  );
  const run = await stage.agent("run-1", {
    has: [
      /permitted search_docs/,
      /denied {4}send_email .*evil/,
      /permitted charge_card/,
      /permitted stripe\/charge {"amount":300/,
      /denied {4}stripe\/charge {"amount":900/,
      /BUDGET_EXCEEDED/,
      /deferred {2}stripe\/refund/,
      /a payout needs a reason/,
    ],
  });
  process.stdout.write(`What really happened (effects.jsonl):\n${effects().replace(/^(?=.)/gm, "  ")}\n`);
  stage.expect(effects().split("\n").length === 6, "five tools to have run");
  stage.expect(!effects().includes("stripe/refund"), "no refund to have happened");

  stage.heading("Say yes to one call", "The approval is for this refund alone, with these arguments, once.");
  const id = /deferred {2}stripe\/refund.*\n\s+(apr-\S+)/.exec(run)?.[1] ?? "apr-missing";
  await stage.faramesh(["approvals", "list"], { has: [id, "stripe/refund"] });
  await stage.faramesh(["approvals", "approve", id, "--reason", "known customer"], { has: [id] });
  await stage.agent("run-2", { has: [/permitted stripe\/refund/, /RATE_EXCEEDED|permitted search_docs/] });
  stage.expect(effects().split("stripe/refund").length === 2, "one refund to have happened");
}

async function change(): Promise<void> {
  stage.heading(
    "Tighten the policy",
    "Lower the limit for charges and forbid payouts; plan replays the recorded calls.",
  );
  edit("amount < $500", "amount < $250");
  edit('defer stripe/payouts reason "payouts are looked at by a person"', "deny stripe/payouts");
  await stage.faramesh(["plan"], {
    has: [
      "~ permit stripe/charge if amount < $500 → if amount < $250",
      "+ deny stripe/payouts",
      /stripe\/charge +permit → deny +2 calls/,
    ],
  });

  stage.heading("Swap it in", "The running daemon takes version 2; no call is lost and the counters stay.");
  await stage.faramesh(["apply"], { has: ["swapped in place, 0 calls dropped"] });
  await stage.agent("run-3", {
    has: [
      /denied {4}stripe\/charge {"amount":300/,
      /permitted stripe\/charge {"amount":200/,
      /deferred {2}stripe\/refund/,
    ],
    hasNot: [/deferred {2}stripe\/payouts/],
  });

  stage.heading("Go back", "rollback puts version 1 in force again; the log keeps both.");
  await stage.faramesh(["rollback", "--to", "v1"], { has: ["v1"] });
  await stage.agent("run-4", { has: [/permitted stripe\/charge {"amount":300/] });
}

async function monitor(): Promise<void> {
  stage.heading("Look at the log", "Every decision is a record; explain shows how one came about.");
  await stage.faramesh(["audit", "tail", "--no-follow", "-n", "8", "--effect", "deny"], {
    has: ["stripe/charge", "DENY"],
  });
  await stage.faramesh(["explain", deniedCharge()], { has: ["permit stripe/charge if amount < $500", "no match"] });
  await stage.faramesh(["audit", "verify"], { has: ["audit chain verified"] });
  stage.expect(!log().includes("4242424242424242"), "the card's number not to be in the log");

  stage.heading("Tamper with a copy", "One changed character in a copied log, and verify says where.");
  const copy = join(stage.dir, "copy");
  mkdirSync(copy);
  cpSync(join(stage.dir, "governance.fms"), join(copy, "governance.fms"));
  cpSync(join(stage.dir, "faramesh-wal"), join(copy, "faramesh-wal"), { recursive: true });
  const segment = join(copy, "faramesh-wal", firstSegment());
  writeFileSync(segment, readFileSync(segment, "utf8").replace('"amount":900', '"amount":400'));
  await stage.faramesh(["audit", "verify", "--dir", "copy"], { exit: 5, has: ["00000001.wal"] });

  stage.heading("Stop", "The daemon finishes what it has and ends; without it, every call is denied.");
  await stage.faramesh(["apply", "--stop"], {});
  const before = effects();
  await stage.agent("run-5", { exit: 1, has: ["DAEMON_UNREACHABLE", "faramesh apply"], hasNot: ["permitted"] });
  stage.expect(effects() === before, "no tool to have run");
}

/** One line for each tool that ran. */
function effects(): string {
  const file = join(stage.dir, "effects.jsonl");
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

function policy(): string {
  return readFileSync(join(stage.dir, "governance.fms"), "utf8");
}

function edit(before: string, after: string): void {
  stage.expect(policy().includes(before), `the policy to say ${before}`);
  writeFileSync(join(stage.dir, "governance.fms"), policy().replace(before, after));
  process.stdout.write(`  - ${before}\n  + ${after}\n\n`);
}

function firstSegment(): string {
  return (
    readdirSync(join(stage.dir, "faramesh-wal"))
      .filter((name) => name.endsWith(".wal"))
      .sort()[0] ?? "none.wal"
  );
}

function log(): string {
  return readFileSync(join(stage.dir, "faramesh-wal", firstSegment()), "utf8");
}

/** The action id of the first denied charge, from the log itself: one record is one line of JSON. */
function deniedCharge(): string {
  for (const line of log().trimEnd().split("\n")) {
    const record = JSON.parse(line) as { type?: string; tool?: string; effect?: string; action_id?: string };
    if (record.tool === "stripe/charge" && record.effect?.toLowerCase() === "deny") return record.action_id ?? "";
  }
  return "action-missing";
}
