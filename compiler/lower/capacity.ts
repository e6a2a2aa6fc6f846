// What the rows of an image can hold: amounts, windows, names, counts. A policy beyond it is refused here with its place,
// never cut to fit; the machine's loader refuses the same.

import {
  AMOUNT_MAX,
  FIELD_PARTS_MAX,
  FIELDS_MAX,
  KEY_NAME_MAX,
  PERIOD_MAX_US,
  PHASE_CHAIN_MAX,
  PHASES_MAX,
  STAGES_MAX,
  TRACKS_MAX,
  WINDOW_MIN_US,
} from "../../vm/shared/image.ts";
import type { Finding } from "../diagnostic.ts";
import { utf8Bytes } from "../limits.ts";
import type { Program } from "./program.ts";

type Span = Finding["span"];

/** Dollars to micro-dollars, rounded up; the billionth of a cent that a binary fraction is off by does not count. */
export function microDollars(dollars: number): number {
  const micro = Math.ceil(Math.floor(dollars * 1e6 * 1000 + 0.5) / 1000);
  return dollars > 0 ? Math.max(micro, 1) : micro;
}

/** An amount in micro-dollars that a row holds; reported when there is no room for it, and then 0. */
export function amount(dollars: number, name: string, span: Span, findings: Finding[]): number {
  const micro = microDollars(dollars);
  if (micro <= AMOUNT_MAX) return micro;
  const help = `the most is $${Math.floor(AMOUNT_MAX / 1e6)}; without a ceiling, leave \`${name}\` out`;
  findings.push({ code: "FMS004", message: `\`${name}\` is more money than can be counted`, span, help });
  return 0;
}

/** A window or a phase's duration in whole microseconds; reported when it is too short or too long. */
export function period(us: number, what: string, span: Span, findings: Finding[]): number {
  if (us < WINDOW_MIN_US || us > PERIOD_MAX_US) {
    findings.push({
      code: "FMS004",
      message: `${what} lies between 1ms and ten years`,
      span,
      help: "write 24h or 30d",
    });
  }
  return us;
}

/** A name that counters are kept by. */
export function keyName(text: string, what: string, span: Span, findings: Finding[]): string {
  if (utf8Bytes(text) > KEY_NAME_MAX) {
    findings.push({ code: "FMS004", message: `${what} is too long to count by`, span, help: "use a shorter one" });
  }
  return text;
}

/** Counts of the whole program, reported at `span`. */
export function checkCounts(program: Program, span: Span, findings: Finding[]): void {
  const tooMany = (message: string, help: string): void => {
    findings.push({ code: "FMS004", message, span, help });
  };
  if (program.fields.items.length + program.temporaries > FIELDS_MAX) {
    tooMany(`conditions read more than ${FIELDS_MAX} different values`, "split the policy in several stacks");
  }
  if (program.fields.items.some((field) => field.path.length > FIELD_PARTS_MAX)) {
    tooMany(`a name has more than ${FIELD_PARTS_MAX} parts`, "no request is that deep");
  }
  if (program.phases.length > PHASES_MAX) {
    tooMany(`there are more than ${PHASES_MAX} phases`, "split the policy in several stacks");
  }
  if (program.stages.length > STAGES_MAX) {
    tooMany(`there are more than ${STAGES_MAX} workflow phases`, "split the policy in several stacks");
  }
  if (program.tracks.items.length > TRACKS_MAX) {
    tooMany(`conditions look back with more than ${TRACKS_MAX} queries`, "split the policy in several stacks");
  }
  const depths: number[] = [];
  for (const phase of program.phases) {
    depths.push(phase.previous === null ? 1 : (depths[phase.previous] ?? 0) + 1);
  }
  if (depths.some((depth) => depth > PHASE_CHAIN_MAX)) {
    tooMany(`more than ${PHASE_CHAIN_MAX} phases follow each other by \`next\``, "join some of them");
  }
}
