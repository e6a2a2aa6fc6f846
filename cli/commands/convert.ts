// `faramesh convert`: the policy in another form, text, YAML or JSON, with the same policy_hash. It never overwrites a file, and
// writes nothing that does not compile to the very policy it came from.
import { resolve } from "node:path";
import { Command, Option } from "clipanion";
import type { Stack } from "../../compiler/index.ts";
import { createProjectFile } from "../../runtime/disk.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { compilePolicy, readPolicyFile } from "../policy-file.ts";
import { visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

const forms = ["fms", "yaml", "json"] as const;
type Form = (typeof forms)[number];

export class ConvertCommand extends FarameshCommand {
  static override paths = [["convert"]];
  static override usage = Command.Usage({
    category: "Policy",
    description: "write the policy as text, YAML or JSON",
    details:
      "Comments and layout do not come along; everything that decides does, and is checked before anything is written. Exit codes: 0, 1 errors, or the file exists.",
    examples: [
      ["Look at it as YAML", "faramesh convert --to yaml"],
      ["Write it as JSON", "faramesh convert --to json --out governance.fms.json"],
    ],
  });
  readonly to = Option.String("--to", { required: true, description: "fms, yaml or json" });
  readonly out = Option.String("--out", { description: "a new file; standard output when absent" });

  async run(io: Terminal): Promise<number> {
    const form = formOf(this.to);
    const policy = await compilePolicy(io, this.dir, readPolicyFile(this.dir));
    const { compile } = await import("../../compiler/index.ts");
    const { loadPolicySync } = await import("../../runtime/evaluator/index.ts");
    const text = await printed(form, policy.stack);
    const hashOf = (image: Uint8Array): string => loadPolicySync(image, { state: "volatile" }).info.policy_hash;
    const converted = compile(text, {
      file: form === "fms" ? "governance.fms" : `governance.fms.${form}`,
      imports: policy.gathered.resolve,
    });
    const policyHash = hashOf(policy.image);
    if (converted.image === undefined || hashOf(converted.image) !== policyHash) {
      throw new Error(`the ${form} printed of ${policy.source.file} is another policy`);
    }
    if (this.out !== undefined) write(resolve(this.out), this.out, text);
    io.json({ form, file: this.out ?? null, policy_hash: policyHash, text });
    if (io.isJson) return exits.ok;
    if (this.out === undefined) io.raw(text);
    else io.say(`${io.paint.green("✓")} ${visible(this.out)} written, the same policy (${policyHash.slice(0, 8)})`);
    return exits.ok;
  }
}

function formOf(word: string): Form {
  const form = forms.find((known) => known === word);
  if (form !== undefined) return form;
  throw new Stop(`--to is fms, yaml or json, not \`${visible(word)}\``, undefined, exits.usage);
}

async function printed(form: Form, stack: Stack): Promise<string> {
  if (form === "fms") return (await import("../../compiler/format/print.ts")).toText(stack);
  const { toJson, toYaml } = await import("../../compiler/yaml/print.ts");
  return form === "yaml" ? toYaml(stack) : toJson(stack);
}

function write(path: string, shown: string, text: string): void {
  if (createProjectFile(path, text)) return;
  throw new Stop(`${visible(shown)} exists already; convert never overwrites a file`, "name another one with --out");
}
