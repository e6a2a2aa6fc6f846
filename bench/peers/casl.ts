// CASL as a contender. Its last matching rule decides, so rules are handed over in reverse; it knows permit and deny only,
// so the rule's index and its effect travel in `reason`, and the effect is read from there.
import { createMongoAbility, type MongoAbility, type MongoQuery, type RawRuleOf } from "@casl/ability";
import type { Answer, Contender } from "../timing.ts";

export type Arguments = { readonly [name: string]: unknown };

/** A rule in the order of the policy: first match decides. */
export interface CaslRule {
  readonly effect: Answer["effect"];
  /** Names of tools; CASL has no patterns. */
  readonly tools: readonly string[];
  readonly conditions?: MongoQuery;
}

export interface CaslRequest {
  readonly tool: string;
  readonly args: Arguments;
}

type Ability = MongoAbility<[string, Arguments | "call"]>;
type CaslResult = ReturnType<Ability["relevantRuleFor"]>;

export function casl(rules: readonly CaslRule[], requests: readonly CaslRequest[], name = "casl"): Contender {
  const raw = rules.map(({ effect, tools, conditions }, index): RawRuleOf<Ability> => {
    const rule = {
      action: [...tools],
      subject: "call" as const,
      inverted: effect === "deny",
      reason: `${effect}:${index}`,
    };
    return conditions === undefined ? rule : { ...rule, conditions };
  });
  const ability = createMongoAbility<Ability>(raw.reverse(), { detectSubjectType: () => "call" });
  const contender: Contender<CaslRequest, CaslResult> = {
    name,
    requests,
    decide: (request) => ability.relevantRuleFor(request.tool, request.args),
    answer: answerOf,
  };
  return contender;
}

function answerOf(rule: CaslResult): Answer {
  const [effect = "deny", index] = rule?.reason?.split(":") ?? [];
  return { effect: effect as Answer["effect"], rule: index === undefined ? null : Number(index) };
}
