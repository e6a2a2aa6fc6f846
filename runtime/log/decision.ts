// Writes the body of a decision so that it always fits an entry: no request can make an entry overflow. It cuts and
// commits, it never decides.
import { canonicalJson, canonicalString, type Json } from "../json.ts";
import type { DecisionBody } from "./record.ts";

/** Bytes of a member's canonical JSON. Their sum, with the names and the header, stays below an entry's limit. */
const structureLimitBytes = {
  args: 32 * 1024,
  steps: 4 * 1024,
  tags: 4 * 1024,
  inputs: 4 * 1024,
  delegation: 4 * 1024,
  redacted: 4 * 1024,
  agent_identity: 2 * 1024,
  cost_usd: 64,
} as const satisfies Partial<Record<keyof DecisionBody, number>>;

const reasonLimitBytes = 1024;

/** Room for the 256 bytes that a request's ids may have, with escapes. */
const shortTextLimitBytes = 600;

type StructureMember = keyof typeof structureLimitBytes;

/** The header's members as texts of JSON, for the places that they have among a decision's. */
export interface HeaderTexts {
  readonly bootId: string;
  readonly logId: string;
  readonly monoUs: string;
  readonly policyHash: string;
  readonly policyVersion: string;
  readonly prev: string;
  readonly seq: string;
  readonly time: string;
  readonly timeRegression: boolean;
  readonly version: string;
}

/**
 * A decision's members as canonical text, ready for a record. Each is written once: the text that is measured is the text
 * that is stored. Between the pieces stand the header's members, in the order of RFC 8785.
 */
export class DecisionText {
  readonly #beforeBootId: string;
  readonly #beforeLogId: string;
  readonly #beforeMonoUs: string;
  readonly #beforeSeq: string;
  readonly #beforeTime: string;
  readonly #beforeType: string;
  readonly #end: string;

  /** `argsText`: canonical text of `input.args` where the caller has it already. See `decisionText`. */
  constructor(input: DecisionBody, commit: (value: Json) => string, argsText: string | null) {
    const structure = (name: StructureMember): string =>
      fittedText(input[name], canonicalJson(input[name]), structureLimitBytes[name], commit);
    const args = fittedText(input.args, argsText ?? canonicalJson(input.args), structureLimitBytes.args, commit);
    this.#beforeBootId =
      `"action_id":${text(input.action_id)},"action_type":${text(input.action_type)}` +
      `,"agent_id":${text(input.agent_id)},"agent_identity":${structure("agent_identity")}` +
      `,"approval_id":${text(input.approval_id)},"args":${args},"boot_id":`;
    this.#beforeLogId =
      `,"call_id":${text(input.call_id)},"code":${text(input.code)},"cost_usd":${structure("cost_usd")}` +
      `,"credential_ref":${text(input.credential_ref)},"delegation":${structure("delegation")},"dev":${input.dev}` +
      `,"door":${text(input.door)},"effect":${text(input.effect)},"inputs":${structure("inputs")}` +
      `,"latency_us":${canonicalJson(input.latency_us)},"log_id":`;
    this.#beforeMonoUs = `,"mode":${text(input.mode)},"mono_us":`;
    this.#beforeSeq =
      `,"reason":${text(input.reason, reasonLimitBytes)},"redacted":${structure("redacted")}` +
      `,"request_digest":${text(input.request_digest)},"request_id":${text(input.request_id)}` +
      `,"rule_digest":${text(input.rule_digest)},"rule_ref":${text(input.rule_ref)},"seq":`;
    this.#beforeTime = `,"session_id":${text(input.session_id)},"steps":${structure("steps")},"tags":${structure("tags")},"time":`;
    this.#beforeType = `,"tool":${text(input.tool)},"type":"decision","v":`;
    this.#end = `,"would":${text(input.would)}}`;
  }

  /** What follows the hash and the opening brace in the record's line. */
  rest(header: HeaderTexts): string {
    const regression = header.timeRegression ? ',"time_regression":true' : "";
    return (
      `${this.#beforeBootId}${header.bootId}${this.#beforeLogId}${header.logId}${this.#beforeMonoUs}${header.monoUs}` +
      `,"policy_hash":${header.policyHash},"policy_version":${header.policyVersion},"prev":${header.prev}` +
      `${this.#beforeSeq}${header.seq}${this.#beforeTime}${header.time}${regression}` +
      `${this.#beforeType}${header.version}${this.#end}`
    );
  }
}

/**
 * The body to append. A structure over its limit becomes `{"$redacted": <commitment>, "$truncated": <bytes>}`, with the
 * commitment and its salt from `commit`; a text over its limit is cut between characters and ends in `…`.
 */
export function decisionText(
  input: DecisionBody,
  commit: (value: Json) => string,
  argsText: string | null = null,
): DecisionText {
  return new DecisionText(input, commit, argsText);
}

function fittedText(value: Json, canonical: string, limitBytes: number, commit: (value: Json) => string): string {
  // No character has more than three bytes for each of its units.
  if (canonical.length * 3 <= limitBytes) return canonical;
  const sizeBytes = Buffer.byteLength(canonical);
  if (sizeBytes <= limitBytes) return canonical;
  return canonicalJson({ $redacted: commit(value), $truncated: sizeBytes });
}

function text(value: string | null, limitBytes = shortTextLimitBytes): string {
  return value === null ? "null" : canonicalString(cutText(value, limitBytes));
}

/** The longest beginning whose canonical JSON, with the mark of the cut, fits. */
export function cutText(text: string, limitBytes: number): string {
  if (text.length * 6 + 2 <= limitBytes || jsonBytes(text) <= limitBytes) return text;
  let kept = "";
  let sizeBytes = jsonBytes("…");
  for (const character of text) {
    sizeBytes += jsonBytes(character) - 2;
    if (sizeBytes > limitBytes) break;
    kept += character;
  }
  return `${kept}…`;
}

/** Bytes of the text's canonical JSON, the two quotes included. */
function jsonBytes(text: string): number {
  return Buffer.byteLength(canonicalString(text));
}
