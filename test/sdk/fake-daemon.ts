// A small server that speaks the agent socket's protocol on a real Unix socket and answers as the test tells it.
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type Message = Record<string, unknown> & { readonly call_id: string };
/** An object is sent as a line, a string as it is, undefined not at all. */
export type Reply = object | string | undefined;

export interface FakeDaemon {
  readonly path: string;
  readonly messages: Message[];
  readonly connections: Socket[];
  close(): Promise<void>;
}

export async function fakeDaemon(
  answer: (message: Message, socket: Socket) => Reply | Promise<Reply>,
): Promise<FakeDaemon> {
  const folder = await mkdtemp(join(tmpdir(), "fms-sdk-"));
  const path = join(folder, "faramesh.sock");
  const messages: Message[] = [];
  const connections: Socket[] = [];
  const server = createServer((socket) => {
    connections.push(socket);
    socket.on("error", () => {});
    let rest = "";
    socket.setEncoding("utf8").on("data", async (chunk: string) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const message = JSON.parse(line) as Message;
        messages.push(message);
        const reply = await answer(message, socket);
        if (reply === undefined) continue;
        socket.write(typeof reply === "string" ? reply : `${JSON.stringify(reply)}\n`);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    path,
    messages,
    connections,
    close: async () => {
      for (const socket of connections) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true });
    },
  };
}

export const permit = (message: Message) => ({ call_id: message.call_id, effect: "PERMIT", action_id: "action-1" });
