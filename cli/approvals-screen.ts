// Approvals on a live screen: who waits, one of them chosen with all that it would do, a key to approve or deny it. What is chosen is
// decided by its id, which the daemon binds to the exact call; a second key confirms, and nothing else decides.
import { askOperator, watchApprovals } from "../runtime/doors/client.ts";
import type { ApprovalEvent } from "../runtime/doors/protocol.ts";
import type { ApprovalView } from "../runtime/doors/views.ts";
import { canonicalJson } from "../runtime/json.ts";
import { actorName } from "./actor.ts";
import { columns, countText, shortened, toSeconds, visible } from "./render.ts";
import { Screen } from "./screen.ts";
import type { Terminal } from "./terminal.ts";

/** Characters of the chosen call's arguments; `approvals show` tells all. */
const argsShownMax = 1200;
const newsMax = 5;
const up: ReadonlySet<string> = new Set(["k", "\u001b[A"]);
const down: ReadonlySet<string> = new Set(["j", "\u001b[B"]);

type Verb = "approve" | "deny";
const verbs: Readonly<Record<string, Verb>> = { a: "approve", d: "deny" };

/** Runs until q, Ctrl-C or the signal; true when the daemon ended. Rejects with what the daemon's client rejects with. */
export async function approvalsScreen(
  dir: string,
  io: Terminal,
  signal: AbortSignal,
  eventText: (event: ApprovalEvent) => string,
): Promise<boolean> {
  const desk = new ScreenDesk(dir, io);
  const screen = new Screen(io, desk);
  let hasEnded = false;
  await screen.run(signal, async (stop) => {
    desk.onChange = () => screen.draw();
    for await (const message of watchApprovals(dir, stop)) {
      if ("event" in message) desk.take(message, eventText(message));
      else desk.begin(message.approvals);
      screen.draw();
    }
    hasEnded = !stop.aborted;
  });
  return hasEnded;
}

class ScreenDesk {
  onChange: () => void = () => {};
  readonly #dir: string;
  readonly #io: Terminal;
  #pending: ApprovalView[] = [];
  #news: string[] = [];
  #chosen: string | null = null;
  /** Waits for y. */
  #asked: { readonly verb: Verb; readonly id: string } | null = null;

  constructor(dir: string, io: Terminal) {
    this.#dir = dir;
    this.#io = io;
  }

  begin(approvals: readonly ApprovalView[]): void {
    this.#pending = [...approvals];
    this.#chosen ??= this.#pending[0]?.id ?? null;
  }

  take({ event, approval }: ApprovalEvent, news: string): void {
    const at = this.#pending.findIndex(({ id }) => id === approval.id);
    if (event === "created" && at < 0) this.#pending.push(approval);
    if (event !== "created" && at >= 0) {
      this.#pending.splice(at, 1);
      // Never the next one by itself: a key that was meant for what is gone must not fall on another.
      if (this.#chosen === approval.id) this.#chosen = null;
      if (this.#asked?.id === approval.id) this.#asked = null;
    }
    this.#tell(news);
  }

  key(key: string): void {
    if (this.#asked !== null) {
      const { verb, id } = this.#asked;
      this.#asked = null;
      if (key === "y") void this.#decide(verb, id);
      return;
    }
    const at = this.#pending.findIndex(({ id }) => id === this.#chosen);
    const step = down.has(key) ? 1 : up.has(key) ? -1 : 0;
    if (step !== 0) {
      const next = at < 0 ? 0 : Math.min(this.#pending.length - 1, Math.max(0, at + step));
      this.#chosen = this.#pending[next]?.id ?? null;
    }
    const verb = verbs[key];
    if (verb !== undefined && this.#chosen !== null) this.#asked = { verb, id: this.#chosen };
  }

  lines(rows: number): readonly string[] {
    const { bold, dim, yellow } = this.#io.paint;
    const chosen = this.#pending.find(({ id }) => id === this.#chosen);
    const tail = ["", ...this.#news.map((line) => dim(line)), this.#prompt(yellow, dim)];
    const detail = chosen === undefined ? [] : ["", ...describe(chosen).map((line) => `  ${line}`)];
    const room = Math.max(1, rows - tail.length - detail.length - 1);
    const at = Math.max(
      0,
      this.#pending.findIndex(({ id }) => id === this.#chosen),
    );
    const first = Math.max(0, Math.min(at - room + 1, this.#pending.length - room));
    const list = this.#pending.slice(first, first + room).map((one) => {
      const mark = one.id === this.#chosen ? bold(">") : " ";
      return [`${mark} ${one.id.slice(0, 12)}`, visible(one.agent_id), visible(one.tool), toSeconds(one.deferred_at)];
    });
    const head =
      this.#pending.length === 0
        ? "no call waits for a person"
        : `${countText(this.#pending.length, "call")} ${this.#pending.length === 1 ? "waits" : "wait"}`;
    return [bold(head), ...columns(list), ...detail, ...tail];
  }

  #prompt(yellow: (text: string) => string, dim: (text: string) => string): string {
    if (this.#asked !== null)
      return yellow(`${this.#asked.verb} ${this.#asked.id}? y confirms, any other key does not`);
    return dim("j/k choose · a approve · d deny · q quit");
  }

  async #decide(verb: Verb, id: string): Promise<void> {
    const type = verb === "approve" ? "approve_defer" : "deny";
    try {
      await askOperator(this.#dir, type, { id, actor: actorName(this.#io.env), reason: "" });
    } catch (error) {
      this.#tell(`${id}: ${visible(error instanceof Error ? error.message : String(error))}`);
    }
    this.onChange();
  }

  #tell(line: string): void {
    this.#news = [...this.#news, line].slice(-newsMax);
  }
}

/** What would be let through, with the digest that binds it. */
function describe(approval: ApprovalView): string[] {
  const rows = [
    ["id", approval.id],
    ["agent", `${visible(approval.agent_id)}, session ${visible(approval.session_id)}`],
    ["tool", visible(approval.tool)],
    ["arguments", shortened(canonicalJson(approval.args), argsShownMax)],
    ["why", visible(approval.context)],
    ["digest", approval.request_digest],
  ];
  return columns(rows);
}
