// Golden answers for hosts: the policies of the conformance suite as images, their lines as steps, and what the machine says
// to each here, where the suite itself holds it. Prints JSON; joins some into modules, built-<i>.wasm in the folder named.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { compile } from "../../compiler/index.ts";
import { joinPolicy } from "../../runtime/embed/join.ts";
import { type EdgePolicy, loadPolicySync } from "../../runtime/evaluator/small.ts";
import { type CaseLine, caseSets, type Line, type MoveLine, type SessionLine } from "../conformance/sets.ts";

const VECTORS_MIN = 200;
const METER_CAPACITY = 1024;
/** Built into modules as well: counts, automata, phases are what a module has to carry. */
const builtPlaces = ["limits/budget-money", "conditions/matches", "phases/phase-rollout"];

type Step = Pick<CaseLine, "request" | "now" | "approved"> | MoveLine | SessionLine | { readonly activate: number };

interface Vector {
  readonly name: string;
  readonly image: string;
  readonly isBuilt: boolean;
  /** Histories, each begun anew: what is asked, what is answered, as JSON, and the state's hash behind that. */
  readonly histories: readonly { readonly steps: readonly Step[]; readonly answers: readonly string[] }[];
}

function vectorsOf(): Vector[] {
  return caseSets().flatMap(({ place, spellings, lines }) => {
    const [first] = spellings;
    if (first === undefined) throw new Error(`${place} has no policy`);
    const { image } = compile(first.text, { file: first.file, imports: first.imports });
    if (image === undefined) throw new Error(`${place} does not compile`);
    const histories = historiesOf(lines).map((steps) => {
      const policy = loadPolicySync(image, { state: "volatile", meterCapacity: METER_CAPACITY });
      return { steps, answers: answersOf(policy, steps) };
    });
    return [
      { name: place, image: Buffer.from(image).toString("base64"), isBuilt: builtPlaces.includes(place), histories },
    ];
  });
}

function historiesOf(lines: readonly Line[]): Step[][] {
  const histories: Step[][] = [[]];
  for (const line of lines) {
    if ("reset" in line) histories.push([]);
    else if ("activate" in line || "move" in line || "session" in line) histories.at(-1)?.push(line);
    else histories.at(-1)?.push({ request: line.request, now: line.now ?? 0, approved: line.approved });
  }
  return histories;
}

function answersOf(policy: EdgePolicy, steps: readonly Step[]): string[] {
  const answer = (step: Step): unknown => {
    if ("activate" in step) return policy.activatePhases(step.activate);
    const now = step.now ?? 0;
    if ("session" in step) return policy.session(step.session.op, step.session, { now });
    if ("move" in step) return policy.movePhase(step.move, { now });
    return policy.decide(step.request, { now, approved: step.approved });
  };
  return [...steps.map((step) => JSON.stringify(answer(step))), policy.stateHash()];
}

const vectors = vectorsOf();
if (vectors.length < VECTORS_MIN) throw new Error(`only ${vectors.length} policies`);
const missing = builtPlaces.filter((place) => !vectors.some(({ name }) => name === place));
if (missing.length > 0) throw new Error(`there is no ${missing.join(", ")}`);
const [folder = "."] = process.argv.slice(2);
for (const [i, { image }] of vectors.filter(({ isBuilt }) => isBuilt).entries()) {
  const { wasm } = joinPolicy(Buffer.from(image, "base64"), { meterCapacity: METER_CAPACITY });
  writeFileSync(join(folder, `built-${i}.wasm`), wasm);
}
process.stdout.write(JSON.stringify(vectors));
