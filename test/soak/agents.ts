// The agents of a soak: connections with messages in flight, a new message for each answer, of every kind that an agent may send. A
// connection is given up for a new one now and then. It must never ask for what would not be the same load at the end as at the start.
import { connect, type Socket } from "node:net";
import type { GovernAnswer } from "../../runtime/doors/agent-protocol.ts";
import type { Random } from "../generate/random.ts";

const inFlight = 16;
const answersPerConnection = 5000;
const sessions = 64;
/** A deferred call is one of so many, so that a later one is the same call and uses what was approved. */
const waitingCalls = 48;
const tools: readonly [string, ...string[]] = [
  "pay",
  "pay",
  "search",
  "search",
  "note",
  "ask",
  "read",
  "write",
  "unknown",
];
const ops: readonly [string, ...string[]] = ["open", "inspect", "inspect", "reset", "close"];

export interface Tally {
  answers: number;
  connections: number;
  /** by effect and code, or type */
  readonly kinds: Map<string, number>;
  /** uses of each approval that a permit names */
  readonly uses: Map<string, number>;
  /** what came and is no answer to what was asked */
  readonly faults: string[];
}

const faultsKept = 20;

export class SoakAgents {
  readonly tally: Tally = { answers: 0, connections: 0, kinds: new Map(), uses: new Map(), faults: [] };
  readonly #path: string;
  readonly #random: Random;
  readonly #sockets = new Set<Socket>();
  #isOver = false;
  #sent = 0;

  constructor(path: string, random: Random, connections: number) {
    this.#path = path;
    this.#random = random;
    for (let index = 0; index < connections; index++) this.#work();
  }

  /** Sends nothing more; resolves when what was asked is answered and every connection has ended. */
  async end(): Promise<void> {
    this.#isOver = true;
    const open = [...this.#sockets];
    await Promise.all(open.map((socket) => new Promise<void>((resolve) => socket.once("close", () => resolve()))));
  }

  #work(): void {
    if (this.#isOver) return;
    const socket = connect(this.#path);
    this.#sockets.add(socket);
    this.tally.connections++;
    let [waiting, taken, partial] = [0, 0, ""];
    const send = (message: object): void => {
      waiting++;
      socket.write(`${JSON.stringify(message)}\n`);
    };
    socket.once("connect", () => {
      for (let count = 0; count < inFlight; count++) send(this.#next());
    });
    socket.once("error", (error) => this.#fault(`a connection failed: ${error.message}`));
    socket.once("close", () => {
      this.#sockets.delete(socket);
      if (waiting > 0) this.#fault(`${waiting} messages were not answered`);
      this.#work();
    });
    socket.setEncoding("utf8").on("data", (text: string) => {
      const lines = (partial + text).split("\n");
      partial = lines.pop() ?? "";
      for (const line of lines) {
        waiting--;
        taken++;
        const followUp = this.#take(JSON.parse(line) as GovernAnswer & { readonly type?: string });
        if (!this.#isOver && taken < answersPerConnection) send(followUp ?? this.#next());
        else if (waiting === 0) socket.end();
      }
    });
  }

  /** Counts an answer; gives the message that the agent has about it. */
  #take(answer: GovernAnswer & { readonly type?: string }): object | null {
    const { tally } = this;
    tally.answers++;
    const { type, effect, reason_code, approval_id, action_id, call_id } = answer;
    const kind = type ?? `${effect} ${reason_code}`;
    tally.kinds.set(kind, (tally.kinds.get(kind) ?? 0) + 1);
    if (type === "error") this.#fault(JSON.stringify(answer));
    if (effect !== "PERMIT") return null;
    if (approval_id !== undefined) tally.uses.set(approval_id, (tally.uses.get(approval_id) ?? 0) + 1);
    const about = { agent_id: "bot", action_id };
    const cost_usd = 1 + this.#random.below(300) / 100;
    // What a call is said to have cost afterwards may pass a ceiling: not that of the payments, which is looked at.
    if (call_id.startsWith("note") && this.#random.oneIn(4)) return { type: "cost", ...about, cost_usd };
    return this.#random.oneIn(12) ? { type: "report", ...about, status: "success", duration_ms: 1 } : null;
  }

  #fault(words: string): void {
    if (this.tally.faults.length < faultsKept) this.tally.faults.push(words);
  }

  #next(): object {
    const random = this.#random;
    const name = { agent_id: "bot", session_id: `s${random.below(sessions)}` };
    if (random.oneIn(40)) return { type: "session", op: random.pick(ops), ...name };
    if (random.oneIn(60)) return { type: "status" };
    const tool_id = random.pick(tools);
    const args =
      tool_id === "ask" ? { n: random.below(waitingCalls) } : { amount: random.below(2000) / 100, card: "4111" };
    return { type: "govern", call_id: `${tool_id}-${this.#sent++}`, tool_id, args, ...name };
  }
}
