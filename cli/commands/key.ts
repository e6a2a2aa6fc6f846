// `faramesh key show` and `key rotate`: the public halves that the log is verified with, and a new key in the old one's place.
// Neither ever sees a private half: the daemon alone signs.
import { resolve } from "node:path";
import { Command, Option } from "clipanion";
import { nodeDisk } from "../../runtime/disk.ts";
import { askOperator } from "../../runtime/doors/client.ts";
import { originOf } from "../../runtime/log/checkpoint.ts";
import { readLogId } from "../../runtime/log/identity.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { actorName } from "../actor.ts";
import { pinnedKeys } from "../anchors.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";
import { existingWalDir } from "../wal.ts";

const category = "Log";

export class KeyShowCommand extends FarameshCommand {
  static override paths = [["key", "show"]];
  static override usage = Command.Usage({
    category,
    description: "print the keys that verify the log",
    details:
      "Those of faramesh.vkey, oldest first: this log's and witnesses'. Exit codes: 0, 1 there is no log or no key.",
    examples: [["For whoever checks a copy", "faramesh key show > faramesh.vkey"]],
  });

  async run(io: Terminal): Promise<number> {
    const logId = readLogId(nodeDisk, await existingWalDir(this.dir, io.env));
    const origin = originOf(logId ?? "");
    const keys = (pinnedKeys(undefined, this.dir) ?? []).filter(
      ({ kind, name }) => kind === "witness" || name === origin,
    );
    if (keys.length === 0) throw new Stop("no key of this log is pinned", "the daemon adds it: faramesh apply");
    io.json({ origin, keys: keys.map(({ kind, text }) => ({ kind, key: text })) });
    for (const { text } of keys) io.line(visible(text));
    return exits.ok;
  }
}

export class KeyRotateCommand extends FarameshCommand {
  static override paths = [["key", "rotate"]];
  static override usage = Command.Usage({
    category,
    description: "sign the log with a new key from now on",
    details:
      "The old key names the new one in a record and is destroyed; faramesh.vkey gets the new one beside it. With --pkcs11 the new key is made on a token, and never leaves it. Needs the daemon. Exit codes: 0, 1 nothing was changed.",
    examples: [
      ["A new key", "faramesh key rotate"],
      [
        "A key on an HSM from now on",
        "faramesh key rotate --pkcs11 /usr/lib/softhsm/libsofthsm2.so --token faramesh --pin-env FARAMESH_PIN",
      ],
    ],
  });
  readonly pkcs11 = Option.String("--pkcs11", { description: "the vendor's PKCS #11 library" });
  readonly token = Option.String("--token", { description: "the label of the token" });
  readonly pinEnv = Option.String("--pin-env", { description: "the daemon's variable that holds the PIN" });
  readonly pinFile = Option.String("--pin-file", {
    description: "a file that holds the PIN, readable by its owner alone",
  });

  async run(io: Terminal): Promise<number> {
    const pkcs11 = this.#tokenPlace();
    const wish = pkcs11 === null ? {} : { pkcs11 };
    const { key } = await askOperator(this.dir, "rotate_key", { actor: actorName(io.env), ...wish });
    io.json({ key });
    io.say(`${io.paint.green("✓")} the log is signed with a new key`);
    io.say(`→ verifier key ${visible(key)}`);
    io.say(`  added to ${visible(stackPaths(this.dir).verifierKeys)}: commit it`);
    return exits.ok;
  }

  #tokenPlace(): { module: string; token: string; pinEnv?: string; pinFile?: string } | null {
    const { pkcs11, token, pinEnv, pinFile } = this;
    if (pkcs11 === undefined && token === undefined && pinEnv === undefined && pinFile === undefined) return null;
    if (pkcs11 === undefined || token === undefined || (pinEnv === undefined) === (pinFile === undefined)) {
      throw new Stop("a token takes --pkcs11, --token and one of --pin-env and --pin-file", undefined, exits.usage);
    }
    const pin = pinFile === undefined ? { pinEnv: pinEnv ?? "" } : { pinFile: resolve(this.dir, pinFile) };
    return { module: resolve(this.dir, pkcs11), token, ...pin };
  }
}
