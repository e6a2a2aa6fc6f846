// Agents at work on a daemon's socket: several connections, each with calls in flight, a new one for each answer. It never sends a
// call again, and keeps every answer that came whole: what a daemon has said before it was killed counts.
import type { Socket } from "node:net";
import type { GovernAnswer } from "../../runtime/doors/agent-protocol.ts";
import type { Random } from "../generate/random.ts";
import type { DaemonProcess } from "./daemon-process.ts";

export interface Call {
  readonly call_id: string;
  readonly tool_id: string;
  readonly args: { readonly amount: number };
}

/** Judges the calls that are made: with both budgets, a rule that denies and one that asks. */
export const loadPolicy = `agent "bot" {
  default deny
  rules { permit pay if amount < 15  permit search  defer ask }
  budget spend { max = $20000 tools = ["pay"] cost = amount }
  budget runs { max_calls = 4000 tools = ["search"] }
}`;

const inFlight = 16;
const tools: readonly [string, ...string[]] = ["pay", "pay", "search", "ask", "unknown"];

export class ClientLoad {
  /** in the order in which they came, each connection's own */
  readonly answers: GovernAnswer[][];
  /** by call_id */
  readonly calls = new Map<string, Call>();
  /** resolves when every connection has ended */
  readonly ended: Promise<unknown>;
  readonly #sockets: readonly Socket[];
  #waiting: { readonly count: number; readonly resolve: () => void } | null = null;

  private constructor(sockets: readonly Socket[], name: string, random: Random) {
    this.#sockets = sockets;
    this.answers = sockets.map(() => []);
    this.ended = Promise.all(
      sockets.map((socket) => new Promise<void>((resolve) => socket.once("close", () => resolve()))),
    );
    for (const [index, socket] of sockets.entries()) this.#work(socket, `${name}-${index}`, index, random);
  }

  static async begin(daemon: DaemonProcess, name: string, connections: number, random: Random): Promise<ClientLoad> {
    const sockets = await Promise.all(Array.from({ length: connections }, () => daemon.connect()));
    return new ClientLoad(sockets, name, random);
  }

  get count(): number {
    return this.answers.reduce((sum, list) => sum + list.length, 0);
  }

  /** Resolves when so many answers are there, or all connections have ended. */
  async reach(count: number): Promise<void> {
    if (this.count >= count) return;
    await Promise.race([
      new Promise<void>((resolve) => {
        this.#waiting = { count, resolve };
      }),
      this.ended,
    ]);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await this.ended;
  }

  #work(socket: Socket, name: string, index: number, random: Random): void {
    let sent = 0;
    const send = (): void => {
      const call: Call = {
        call_id: `${name}-${sent++}`,
        tool_id: random.pick(tools),
        args: { amount: random.below(2000) / 100 },
      };
      this.calls.set(call.call_id, call);
      socket.write(`${JSON.stringify({ type: "govern", agent_id: "bot", session_id: name, ...call })}\n`);
    };
    let partial = "";
    socket.on("error", () => {});
    socket.setEncoding("utf8").on("data", (text: string) => {
      const lines = (partial + text).split("\n");
      partial = lines.pop() ?? "";
      for (const line of lines) {
        this.answers[index]?.push(JSON.parse(line) as GovernAnswer);
        send();
      }
      if (this.#waiting !== null && this.count >= this.#waiting.count) this.#waiting.resolve();
    });
    for (let count = 0; count < inFlight; count++) send();
  }
}
