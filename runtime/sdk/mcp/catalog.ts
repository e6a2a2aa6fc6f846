// Which of a server's tools an agent is shown. A tool that could be taken for another, or that has become another since it was first
// shown, is withheld, and so are calls of it: a server must not change what a person or a policy has looked at.
import { createHash } from "node:crypto";
import type { Reach } from "../../reach.ts";
import type { Members } from "../twin-members.ts";
import { isMembers } from "./message.ts";

/** Tools of one server that are remembered; those beyond are withheld. */
export const toolsMax = 1024;

const toolName = /^[A-Za-z0-9_.:@-]+(?:\/[A-Za-z0-9_.:@-]+)*$/;
const nameMax = 128;

/** Asks what a policy could ever say to calls of the tools, in their order. Rejects where nobody answers. */
export type AskReach = (names: readonly string[]) => Promise<readonly Reach[]>;

export class Catalog {
  /** Digest of each definition as it was first shown. */
  readonly #shown = new Map<string, string>();
  /** The first name of each reading that eyes and file systems make of it. */
  readonly #byLook = new Map<string, string>();
  readonly #changed = new Set<string>();
  readonly #note: (line: string) => void;

  constructor(note: (line: string) => void) {
    this.#note = note;
  }

  /** Why calls of the tool are withheld; null where they are not. */
  withheld(name: string): string | null {
    if (!isToolName(name)) return "its name has characters that could be taken for others";
    if (this.#changed.has(name)) return "the server changed what this tool says it does";
    const first = this.#byLook.get(lookOf(name));
    return first === undefined || first === name ? null : `its name could be taken for \`${first}\``;
  }

  /** The tools that may be shown, each as it is to be shown. A list that nobody can judge is empty. */
  async shown(tools: readonly unknown[], ask: AskReach): Promise<readonly Members[]> {
    const candidates = tools.filter(isMembers).filter((tool) => this.#take(tool));
    const reach = await ask(candidates.map(({ name }) => String(name)));
    return candidates.flatMap((tool, at) => {
      const most = reach[at] ?? "deny";
      if (most === "deny") return [];
      return [most === "defer" ? marked(tool) : tool];
    });
  }

  #take(tool: Members): boolean {
    const { name } = tool;
    if (typeof name !== "string") return false;
    const digest = createHash("sha256").update(JSON.stringify(tool)).digest("hex");
    const known = this.#shown.get(name);
    if (known === undefined) {
      if (!isToolName(name) || this.#shown.size >= toolsMax)
        return this.#refuse(name, "its name or number is not allowed");
      const look = lookOf(name);
      if (this.#byLook.has(look)) return this.#refuse(name, `it could be taken for \`${this.#byLook.get(look)}\``);
      this.#shown.set(name, digest);
      this.#byLook.set(look, name);
    } else if (known !== digest) this.#changed.add(name);
    return this.#changed.has(name)
      ? this.#refuse(name, "what it says it does has changed since it was first shown")
      : true;
  }

  #refuse(name: string, why: string): false {
    this.#note(`a tool of the server is withheld: ${JSON.stringify(name.slice(0, nameMax))}: ${why}`);
    return false;
  }
}

function isToolName(name: string): boolean {
  return name.length <= nameMax && toolName.test(name);
}

/** The same for names that differ in case, in the sign between their words, or in letters that look alike. */
function lookOf(name: string): string {
  const plain = name.toLowerCase().replaceAll(/[-_.]/g, "_").replaceAll("0", "o").replaceAll(/[1i|]/g, "l");
  return plain.replaceAll("rn", "m").replaceAll("vv", "w");
}

/** A person is asked before it runs. */
function marked(tool: Members): Members {
  const { description, _meta } = tool;
  const says = typeof description === "string" ? `${description}\n\n` : "";
  const meta = isMembers(_meta) ? _meta : {};
  return {
    ...tool,
    description: `${says}A person is asked before this runs.`,
    _meta: { ...meta, "faramesh/effect": "defer" },
  };
}
