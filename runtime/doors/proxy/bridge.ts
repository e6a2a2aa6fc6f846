// What starts an agent inside its sandbox when its daemon has a proxy: a port on the sandbox's own loopback, whose connections are
// carried to the proxy's socket, and the agent's command. It runs inside: whatever it may do, the agent may do.
import { spawn } from "node:child_process";
import { connect, createServer, type Socket } from "node:net";
import { constants } from "node:os";

const [socketPath = "", port = "", program = "", ...words] = process.argv.slice(2);
const sockets = new Set<Socket>();

function keep(socket: Socket, other: Socket): void {
  sockets.add(socket);
  socket.on("error", () => other.destroy());
  socket.on("close", () => {
    sockets.delete(socket);
    other.destroySoon();
  });
}

const server = createServer({ allowHalfOpen: true }, (inside) => {
  const outside = connect({ path: socketPath, allowHalfOpen: true });
  keep(inside, outside);
  keep(outside, inside);
  inside.pipe(outside);
  outside.pipe(inside);
});

function end(code: number): void {
  process.exitCode = code;
  server.close();
  for (const socket of sockets) socket.destroy();
}

function fail(error: Error): void {
  process.stderr.write(`faramesh: ${error.message}\n`);
  end(1);
}

server.on("error", fail);
server.listen(Number(port), "127.0.0.1", () => {
  // Typed at the terminal, it reaches the command as well: that one says what becomes of it.
  process.on("SIGINT", () => {});
  const child = spawn(program, words, { stdio: "inherit" });
  child.once("error", fail);
  child.once("exit", (code, signal) => end(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
});
