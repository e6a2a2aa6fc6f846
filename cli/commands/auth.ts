// `faramesh auth`: the user's tokens for registries. A token is read from standard input, kept in a file that only the user
// reads, and never printed, not even in part.
import { Command, Option } from "clipanion";
import { isToken, keepToken, TokenFailure, tokenFile } from "../../runtime/registry/tokens.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { addressFrom, addressOf, tokensOf } from "../registry-source.ts";
import { visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

const category = "Packs";
/** Characters read before giving up. */
const inputMax = 8192;

abstract class AuthCommand extends FarameshCommand {
  readonly url = Option.String("--url", { description: "the registry's address (default: FARAMESH_REGISTRY_URL)" });

  /** `https://registry.example` */
  protected originOf(io: Terminal): string {
    return addressOf(addressFrom(io, this.url)).origin;
  }
}

export class AuthLoginCommand extends AuthCommand {
  static override paths = [["auth", "login"]];
  static override usage = Command.Usage({
    category,
    description: "keep a token for a registry",
    details: "Reads the token from standard input. Exit codes: 0, 1 nothing was kept.",
    examples: [["From a file", "faramesh auth login --url https://registry.example/ < token.txt"]],
  });

  async run(io: Terminal): Promise<number> {
    const origin = this.originOf(io);
    const token = (await readInput(io)).trim();
    if (token === "") throw new Stop("there is no token on standard input", "faramesh auth login < token.txt");
    if (!isToken(token)) throw new Stop("this is no token: 8 characters or more of ASCII, without blanks");
    keep(io, origin, token);
    io.json({ registry: origin, file: tokenFile(io.env) });
    io.say(`${io.paint.green("✓")} token for ${visible(origin)} kept in ${visible(tokenFile(io.env) ?? "")}`);
    return exits.ok;
  }
}

export class AuthLogoutCommand extends AuthCommand {
  static override paths = [["auth", "logout"]];
  static override usage = Command.Usage({
    category,
    description: "remove the token for a registry",
    details: "The registry is not asked: revoke the token there too. Exit codes: 0, 1 there was none.",
    examples: [["Log out", "faramesh auth logout --url https://registry.example/"]],
  });

  async run(io: Terminal): Promise<number> {
    const origin = this.originOf(io);
    if (!tokensOf(io).has(origin)) throw new Stop(`there is no token for ${visible(origin)}`);
    keep(io, origin, null);
    io.json({ registry: origin, removed: true });
    io.say(`${io.paint.green("✓")} token for ${visible(origin)} removed`);
    return exits.ok;
  }
}

export class AuthWhoamiCommand extends FarameshCommand {
  static override paths = [["auth", "whoami"]];
  static override usage = Command.Usage({
    category,
    description: "list the registries that a token is kept for",
    details: "Names registries, never tokens; asks nobody. Exit codes: 0, 1 there is no token.",
    examples: [["Where am I logged in?", "faramesh auth whoami"]],
  });

  async run(io: Terminal): Promise<number> {
    const registries = [...tokensOf(io).keys()].sort();
    io.json({ registries, file: tokenFile(io.env) });
    for (const origin of registries) io.line(visible(origin));
    if (registries.length === 0) io.note("no token is kept; see: faramesh auth login");
    return registries.length === 0 ? exits.failed : exits.ok;
  }
}

function keep(io: Terminal, origin: string, token: string | null): void {
  try {
    keepToken(io.env, origin, token);
  } catch (error) {
    if (error instanceof TokenFailure) throw new Stop(error.message);
    throw error;
  }
}

async function readInput(io: Terminal): Promise<string> {
  if (io.canAsk) throw new Stop("a token typed here would be seen", "give a file: faramesh auth login < token.txt");
  let text = "";
  for await (const chunk of io.stdin) {
    text += String(chunk);
    if (text.length > inputMax) throw new Stop(`standard input has more than ${inputMax} characters: this is no token`);
  }
  return text;
}
