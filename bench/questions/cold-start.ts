// How long from nothing to the first decision? Each system in fresh processes, by turns: its modules are imported, its
// policy is made ready and one call is decided; ours as an image that is opened, and as `faramesh build` writes it. Node's own start is not counted, it is the same for all.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { joinPolicy } from "../../runtime/embed/join.ts";
import { esmText } from "../../runtime/embed/wrap.ts";
import { root } from "../bundle.ts";
import { calls, policyText as generatedText } from "../generated/policy.ts";
import { caslRequests, cedarPolicies, cedarRequests, policyText, requests } from "../payments/workload.ts";
import { imageOf } from "../peers/faramesh.ts";
import type { Question } from "../question.ts";
import { median } from "../timing.ts";

const CHILD_TIMEOUT_MS = 20_000;

export const question: Question = {
  asks: "a fresh process to its first decision",
  async measure({ short, bundles }) {
    const children = await writeChildren(bundles);
    const samples = new Map(children.map(({ name }) => [name, [] as number[]]));
    for (let round = 0; round < (short ? 3 : 15); round++) {
      for (const { name, file, effect } of children) samples.get(name)?.push(run(file, effect));
    }
    const ms = (name: string): number => median(samples.get(name) ?? []);
    return [
      { id: "cold-start.faramesh", value: ms("faramesh"), unit: "ms", atMost: { must: 4.5, goal: 2 } },
      { id: "cold-start.stateless", value: ms("stateless"), unit: "ms", atMost: { must: 4.5, goal: 2 } },
      { id: "cold-start.built-policy", value: ms("built"), unit: "ms", atMost: { must: 4.5, goal: 2 } },
      { id: "cold-start.faramesh-10000", value: ms("faramesh-10000"), unit: "ms" },
      { id: "cold-start.casl", value: ms("casl"), unit: "ms" },
      { id: "cold-start.cedar", value: ms("cedar"), unit: "ms" },
    ];
  },
};

interface Child {
  readonly name: string;
  readonly file: string;
  readonly effect: string;
}

/** Runs a child, which prints its milliseconds and the effect that it found. */
function run(file: string, effect: string): number {
  const output = execFileSync(process.execPath, [file], { timeout: CHILD_TIMEOUT_MS, encoding: "utf8" });
  const [ms, found] = output.trim().split(" ");
  if (found !== effect) throw new Error(`${file} decides ${found}, right is ${effect}`);
  return Number(ms);
}

async function writeChildren(bundles: string): Promise<readonly Child[]> {
  const child = (name: string, body: string, effect: string): Child => {
    const file = join(bundles, `child-${name}.mjs`);
    writeFileSync(
      file,
      `import { readFileSync } from "node:fs";\nconst start = performance.now();\n${body}\nconsole.log(performance.now() - start, effect);\n`,
    );
    return { name, file, effect };
  };
  const evaluator = (image: string, request: unknown, file = "evaluator"): string => `
    const { loadPolicySync } = await import("./${file}.js");
    const policy = loadPolicySync(readFileSync(new URL("${image}", import.meta.url)));
    const { effect } = policy.decide(${JSON.stringify(request)}, { now: 1795000000000 });`;
  const payments = await imageOf(bundles, policyText);
  writeFileSync(join(bundles, "payments.image"), payments);
  writeFileSync(join(bundles, "payments.js"), esmText(joinPolicy(payments, { json: false })));
  writeFileSync(join(bundles, "generated.image"), await imageOf(bundles, generatedText(10_000)));
  await bundleCasl(bundles);
  const cedarCall = {
    principal: { type: "Agent", id: cedarRequests[0]?.agent },
    action: { type: "Action", id: cedarRequests[0]?.tool },
    resource: { type: "Tool", id: "any" },
    context: cedarRequests[0]?.args,
    preparsedPolicySetId: "payments",
    entities: [],
  };
  return [
    child("faramesh", evaluator("payments.image", requests[0]), "permit"),
    child("stateless", evaluator("payments.image", requests[0], "stateless"), "permit"),
    child(
      "built",
      `const { decide } = await import("./payments.js");
       const { effect } = decide(${JSON.stringify(requests[0])}, { now: 1795000000000 });`,
      "permit",
    ),
    child("faramesh-10000", evaluator("generated.image", calls(10_000)[0]?.request), "permit"),
    child(
      "casl",
      `const { decide } = await import("./casl.js");
       const effect = decide(${JSON.stringify(caslRequests[0])}).effect;`,
      "permit",
    ),
    child(
      "cedar",
      `const { preparsePolicySet, statefulIsAuthorized } = await import("@cedar-policy/cedar-wasm/nodejs");
       preparsePolicySet("payments", { staticPolicies: ${JSON.stringify(cedarPolicies)} });
       const effect = statefulIsAuthorized(${JSON.stringify(cedarCall)}).response.decision === "allow" ? "permit" : "deny";`,
      "permit",
    ),
  ];
}

/** CASL and its rules as one file, as ours is: its own packages are many small ones. */
async function bundleCasl(bundles: string): Promise<void> {
  const contents = `
    import { casl } from "./bench/peers/casl.ts";
    import { caslRules } from "./bench/payments/rules.ts";
    const contender = casl(caslRules, []);
    export function decide(request) { return contender.answer(contender.decide(request)); }`;
  await build({
    stdin: { contents, resolveDir: root },
    bundle: true,
    format: "esm",
    platform: "node",
    target: "es2022",
    outfile: join(bundles, "casl.js"),
    logLevel: "warning",
  });
}
