// What the statements of a policy make together, whichever form they were read from: flat rules become the anonymous
// agent, phases of the top level go to the only agent, rules are counted. Reads no text.
import type { Agent, Assert, Block, Import, Pack, Phase, Rule, RuntimeBlock, SourceText, Stack } from "../ast.ts";
import { limits, utf8Bytes } from "../limits.ts";
import type { Reader } from "./tree.ts";

/** What the top level of a policy held, each in order of appearance. */
export interface TopLevel {
  readonly runtime: RuntimeBlock | null;
  readonly agents: readonly Agent[];
  readonly flat: readonly Rule[];
  readonly phases: readonly Phase[];
  readonly blocks: readonly Block[];
  readonly imports: readonly Import[];
  readonly packs: readonly Pack[];
  readonly asserts: readonly Assert[];
}

export function assembleStack(reader: Reader, top: TopLevel, sources: readonly SourceText[]): Stack {
  const { runtime, flat, blocks, imports, packs, asserts } = top;
  limitRules(reader, flat, [...top.agents, ...packs.map(({ rules }) => ({ rules, phases: [] }))]);
  const agents = placePhases(reader, top.phases, top.agents);
  const anonymous = flat.length === 0 ? null : anonymousAgent(flat);
  return { sources, runtime, agents, anonymous, blocks, imports, packs, asserts };
}

/** Whether the text can be looked at at all; reports why not. */
export function isReadable(reader: Reader, text: string): boolean {
  const at = (start: number, end: number) => ({ source: 0, start, end });
  if (text.charCodeAt(0) === 0xfeff) {
    reader.report("FMS001", "the file begins with a byte order mark", at(0, 1), {
      help: "save it as UTF-8 without a byte order mark",
    });
    return false;
  }
  const bytes = utf8Bytes(text);
  if (bytes > limits.sourceBytes) {
    reader.report("FMS004", `the file has ${bytes} bytes; at most ${limits.sourceBytes} are allowed`, at(0, 0), {
      help: "split the policy, or replace long lists of rules by patterns",
    });
    return false;
  }
  return true;
}

function anonymousAgent(rules: readonly Rule[]): Agent {
  const span = rules[0]?.span ?? { source: 0, start: 0, end: 0 };
  const none = { default: null, fields: [], vars: [], budgets: [], rateLimits: [], redactions: [], phases: [] };
  const gates = { uses: [], egress: null, modelPolicy: null, blocks: [], asserts: [] };
  return { id: "", idSpan: span, ...none, ...gates, rules, span: { ...span, end: rules.at(-1)?.span.end ?? span.end } };
}

/** A phase at the top level belongs to the only agent. */
function placePhases(reader: Reader, phases: readonly Phase[], agents: readonly Agent[]): readonly Agent[] {
  const [agent] = agents;
  if (phases.length === 0) return agents;
  if (agent !== undefined && agents.length === 1) return [{ ...agent, phases: [...agent.phases, ...phases] }];
  const named = agents.map((a) => `\`${a.id}\``).join(", ");
  const why = agents.length === 0 ? "there is no agent" : `there are several: ${named}`;
  for (const phase of phases) {
    reader.report("FMS026", `the phase \`${phase.name}\` stands outside of an agent, and ${why}`, phase.nameSpan, {
      help: "move it into the agent it is for",
    });
  }
  return agents;
}

function limitRules(reader: Reader, flat: readonly Rule[], agents: readonly Pick<Agent, "rules" | "phases">[]): void {
  const all = [flat, ...agents.flatMap((agent) => [agent.rules, ...agent.phases.map((phase) => phase.rules)])];
  const count = all.reduce((sum, rules) => sum + rules.length, 0);
  if (count <= limits.rules) return;
  const last = all.findLast((rules) => rules.length > 0)?.at(-1);
  reader.report(
    "FMS004",
    `the policy has ${count} rules; at most ${limits.rules} are allowed`,
    last?.span ?? { source: 0, start: 0, end: 0 },
  );
}
