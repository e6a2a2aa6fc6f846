// `faramesh witness serve`: a witness for other machines' logs. It runs away from them, or it is of no use.
import { resolve } from "node:path";
import { Command, Option } from "clipanion";
import { systemClock } from "../../runtime/clock.ts";
import { nodeDisk } from "../../runtime/disk.ts";
import { serveWitness } from "../../runtime/doors/witness.ts";
import { KeyFiles } from "../../runtime/key-files.ts";
import { isKeyName } from "../../runtime/log/note.ts";
import { Witness } from "../../runtime/witness.ts";
import { pinnedKeys } from "../anchors.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

export class WitnessServeCommand extends FarameshCommand {
  static override paths = [["witness", "serve"]];
  static override usage = Command.Usage({
    category: "Log",
    description: "cosign the checkpoints of logs on other machines",
    details:
      "Speaks tlog-witness of C2SP over HTTP until Ctrl-C. It signs a checkpoint only when it continues the one before. Exit codes: 0, 1 it could not listen.",
    examples: [
      ["For one log", "faramesh witness serve --name witness.example/w1 --logs stack.vkey --state /var/lib/witness"],
    ],
  });
  readonly name = Option.String("--name", { required: true, description: "the witness's name in its signatures" });
  readonly logs = Option.String("--logs", { required: true, description: "a file with the keys of the logs it knows" });
  readonly state = Option.String("--state", {
    required: true,
    description: "a folder for its key and what it has seen",
  });
  readonly listen = Option.String("--listen", "127.0.0.1:7340", { description: "host:port; port 0 is any free one" });

  async run(io: Terminal): Promise<number> {
    const place = /^(?:\[([0-9a-fA-F:]+)\]|([^:]+)):(\d{1,5})$/.exec(this.listen);
    if (place === null || Number(place[3]) > 65_535) throw new Stop("--listen is host:port", undefined, exits.usage);
    if (!isKeyName(this.name)) throw new Stop("--name has no spaces and no `+`", undefined, exits.usage);
    const logs = pinnedKeys(resolve(this.dir, this.logs), null) ?? [];
    if (!logs.some(({ kind }) => kind === "log")) throw new Stop(`${visible(this.logs)} names no log's key`);
    const dir = resolve(this.dir, this.state);
    nodeDisk.makeDirectory(dir);
    const locked = await nodeDisk.lock(`${dir}/lock`);
    if (!("lock" in locked)) throw new Stop(`another witness uses ${visible(dir)}`);
    try {
      const witness = new Witness({
        disk: nodeDisk,
        dir,
        name: this.name,
        key: new KeyFiles(nodeDisk, dir, "witness.key").current(),
        logs,
        now: () => Math.floor(systemClock.now().wallUs / 1_000_000),
      });
      const server = await serveWitness(witness, place[1] ?? place[2] ?? "", Number(place[3]));
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      const url = `http://${place[1] === undefined ? place[2] : `[${place[1]}]`}:${port}`;
      io.json({ url, key: witness.verifierKey.text });
      io.line(`● witness ${visible(this.name)} at ${visible(url)}`);
      io.line(`  key ${visible(witness.verifierKey.text)}`);
      await io.flush();
      await io.untilInterrupted(
        (signal) => new Promise<void>((done) => signal.addEventListener("abort", () => done(), { once: true })),
      );
      server.closeAllConnections();
      server.close();
      return exits.ok;
    } finally {
      locked.lock.release();
    }
  }
}
