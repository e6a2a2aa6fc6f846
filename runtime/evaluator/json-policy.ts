// A loaded policy that also takes requests as raw JSON, which the machine reads while it asks for parts of URLs, and that has its
// decisions explained.
import { JSON_COUNTS, JSON_PRINCIPAL, JsonCode, Result } from "../../vm/shared/abi.ts";
import { unprepared } from "./deciding-policy.ts";
import { urlPart } from "./http.ts";
import type { Machine } from "./machine.ts";
import { LoadedPolicy } from "./policy.ts";
import {
  type EdgePolicy,
  type EvaluationOptions,
  type EvaluationRequest,
  type Explainer,
  type Explanation,
  type JsonOptions,
  LoadFailure,
  type Verdict,
} from "./types.ts";
import { jsonRefusals, refusals } from "./verdicts.ts";

export class JsonPolicy extends LoadedPolicy implements EdgePolicy {
  readonly #explainer: Explainer | null;

  constructor(machine: Machine, counts: boolean, explainer: Explainer | null) {
    super(machine, counts);
    this.#explainer = explainer;
  }

  decideJson(bytes: Uint8Array, options: JsonOptions): Verdict {
    const machine = this.machine;
    if (machine.decideJson === undefined) throw new LoadFailure("NO_READER", "this evaluator has no reader of JSON");
    try {
      if (bytes.length > machine.requestBytes) return refusals.BAD_REQUEST;
      machine.bytes.set(bytes, machine.request);
      const flags = (this.counts ? JSON_COUNTS : 0) | (options.trustPrincipal === true ? JSON_PRINCIPAL : 0);
      const approved = this.writeApproved(options.approved);
      let packed = machine.decideJson(bytes.length, Math.floor(options.now * 1000), approved, flags);
      if (packed === JsonCode.Url) packed = this.#decideWithUrl();
      if (packed < 0) return jsonRefusals[packed as Exclude<JsonCode, JsonCode.Url>];
      return this.verdicts.read(packed, null);
    } catch {
      return refusals.MACHINE_FAULT;
    }
  }

  /** Parts of the URL for each field that the machine asks for, in its order. */
  #decideWithUrl(): number {
    const machine = this.machine;
    const at = machine.resultInteger(Result.UrlText);
    const text = decoder.decode(machine.bytes.subarray(at, at + machine.resultInteger(Result.UrlBytes)));
    for (;;) {
      const field = machine.resultInteger(Result.UrlField);
      const value = urlPart(text, this.image.field(field).path);
      const used = this.marshal.writeOne(field, value, machine.resultInteger(Result.ArenaUsed));
      const packed = used < 0 ? JsonCode.BadRequest : (machine.calls.decideOn?.(used) ?? JsonCode.BadRequest);
      if (packed !== JsonCode.Url) return packed;
    }
  }

  explain(request: EvaluationRequest, options: EvaluationOptions): Explanation {
    const untold = (verdict: Verdict): Explanation => ({ verdict, rules: [], meters: [] });
    const tell = this.#explainer;
    const { explain } = this.machine.calls;
    if (tell === null || explain === undefined)
      throw new LoadFailure("NO_EXPLAINER", "pass an explainer in the options to have calls explained");
    try {
      const plan = this.plans.of(request.agent_id, request.tool_id);
      if (typeof plan === "string") return untold(refusals[plan]);
      const prepared = this.prepare(plan, request, options, true);
      if (prepared < 0) return untold(unprepared(prepared));
      const approved = this.writeApproved(options.approved);
      const packed = explain(plan.index, Math.floor(options.now * 1000), prepared, approved);
      const verdict = this.verdicts.read(packed, plan);
      return { verdict, ...tell(this.machine as never, this.image as never, plan.index) };
    } catch {
      return untold(refusals.MACHINE_FAULT);
    }
  }
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
