// One caller on one connection: asks a line and waits, or keeps so many in flight. The same for every server, so that what
// the caller costs falls on all alike.
import { connect, type Socket } from "node:net";

export class Caller {
  readonly #socket: Socket;
  #rest = "";
  #onLine: (line: string) => void = () => {};
  #onEnd: (error: Error) => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => this.#take(chunk));
    socket.on("error", (error) => this.#onEnd(error));
    socket.on("close", () => this.#onEnd(new Error("the server closed the connection")));
  }

  static open(path: string): Promise<Caller> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      socket.once("connect", () => resolve(new Caller(socket)));
      socket.once("error", reject);
    });
  }

  /** One line out, one line back. */
  ask(line: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#onLine = resolve;
      this.#onEnd = reject;
      this.#socket.write(line);
    });
  }

  /** Sends `count` lines, at most `window` unanswered, and counts the answers. Resolves with the time from first to last. */
  pipeline(line: (index: number) => string, count: number, window: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const start = performance.now();
      let sent = 0;
      let answered = 0;
      const fill = (): void => {
        let text = "";
        for (; sent < count && sent - answered < window; sent++) text += line(sent);
        if (text !== "") this.#socket.write(text);
      };
      this.#onEnd = reject;
      this.#onLine = () => {
        answered++;
        if (answered === count) resolve(performance.now() - start);
        // Half the window at a time: a write for every answer would measure the caller.
        else if (sent - answered <= window / 2) fill();
      };
      fill();
    });
  }

  close(): void {
    this.#onEnd = () => {};
    this.#socket.destroy();
  }

  #take(chunk: string): void {
    const text = this.#rest + chunk;
    let from = 0;
    for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", from)) {
      this.#onLine(text.slice(from, at));
      from = at + 1;
    }
    this.#rest = text.slice(from);
  }
}
