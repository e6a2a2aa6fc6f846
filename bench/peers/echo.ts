// The least that a server can do: a process that sends each line back. It shows what a round trip over a Unix socket costs
// with nothing done, and must do nothing more. `echo.js <socket>`, ends with its standard input.
import { createServer } from "node:net";

const [path = ""] = process.argv.slice(2);
const server = createServer((socket) => {
  let rest = "";
  socket.setEncoding("utf8");
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: string) => {
    const text = rest + chunk;
    const end = text.lastIndexOf("\n") + 1;
    rest = text.slice(end);
    if (end > 0) socket.write(text.slice(0, end));
  });
});
server.listen(path, () => process.stdout.write("ready\n"));
process.stdin.on("end", () => process.exit(0)).resume();
