// What is no image is refused with a code, whatever the bytes; images changed by chance are in test/mutate/.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { LoadFailure, loadPolicySync } from "../../runtime/evaluator/index.ts";
import { HEADER_BYTES, Section, SHAPE_ROW_BYTES, Shape } from "../../vm/shared/image.ts";
import { RULE_GATE } from "../../vm/shared/isa.ts";
import { everyCall, everyPart, imageOf, noon, resealed } from "./policies.ts";

const image = imageOf(everyPart);
const codes = new Set(["BAD_IMAGE", "BAD_DIGEST", "UNSUPPORTED_IMAGE", "NO_MEMORY"]);
const small = { state: "volatile", meterCapacity: 16, arenaBytes: 4096, requestBytes: 4096 } as const;

/** The code under which bytes are refused, or null. */
function refusal(bytes: Uint8Array): string | null {
  try {
    loadPolicySync(bytes, small);
    return null;
  } catch (error) {
    if (error instanceof LoadFailure) return error.code;
    throw error;
  }
}

function changed(change: (view: DataView) => void): Uint8Array {
  const bytes = image.slice();
  change(new DataView(bytes.buffer));
  return bytes;
}

/** Where a section begins in the whole image. */
function sectionAt(section: Section): number {
  return new DataView(image.buffer, image.byteOffset).getUint32(HEADER_BYTES + section * 8, true);
}

test("the image with every part loads and decides", () => {
  const policy = loadPolicySync(image, small);
  assert.is(policy.info.rules, 20);
  for (const call of everyCall) assert.is.not(policy.decide(call, { now: noon }).code, "MACHINE_FAULT");
});

test("F01 images that are cut, foreign, longer or of another version are refused by name", () => {
  for (let length = 0; length < image.length; length += length < 400 ? 1 : 97) {
    const code = refusal(image.slice(0, length));
    assert.ok(code !== null && codes.has(code), `${length} bytes: ${code}`);
  }
  const longer = new Uint8Array(image.length + 8);
  longer.set(image);
  assert.is(refusal(longer), "BAD_IMAGE");
  assert.is(refusal(new TextEncoder().encode('agent "a" { permit * }'.repeat(100))), "BAD_IMAGE");
  assert.is(refusal(changed((view) => view.setUint16(4, 2, true))), "UNSUPPORTED_IMAGE");
  assert.is(refusal(changed((view) => view.setUint16(6, 99, true))), "UNSUPPORTED_IMAGE");
  assert.is(refusal(changed((view) => view.setUint16(4, 0, true))), "UNSUPPORTED_IMAGE");
});

test("F02 any changed byte is refused while the digest is kept", () => {
  for (let at = 0; at < image.length; at++) {
    const bytes = image.slice();
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
    const code = refusal(bytes);
    assert.ok(code !== null && codes.has(code), `byte ${at}: ${code}`);
  }
});

test("F01 a rule may read only fields that the host fills for its tools", () => {
  const bytes = image.slice();
  const view = new DataView(bytes.buffer);
  const shapes = sectionAt(Section.Shapes);
  let emptied = 0;
  for (let at = shapes; at < sectionAt(Section.Plans); at += SHAPE_ROW_BYTES) {
    if (view.getUint32(at + Shape.FieldsCount * 4, true) > 0) emptied++;
    view.setUint32(at + Shape.FieldsCount * 4, 0, true);
  }
  assert.ok(emptied > 0);
  assert.is(refusal(resealed(bytes)), "BAD_IMAGE");
});

test("F01 a gate is no rule and a rule no gate, wherever a list names one", () => {
  const gated = imageOf('agent "a" { default permit deny x egress { allow [h] } model_policy { allow [m] } }');
  const at = (section: Section): number => new DataView(gated.buffer).getUint32(HEADER_BYTES + section * 8, true);
  const flags = (row: number): number => at(Section.Rules) + row * 16 + 7;
  const shape = (member: Shape): number => at(Section.Shapes) + member * 4;
  const refused = (change: (view: DataView) => void): string | null => {
    const bytes = gated.slice();
    change(new DataView(bytes.buffer));
    return refusal(resealed(bytes));
  };
  const pointTo = (list: Shape, row: number) => (view: DataView) =>
    view.setUint32(at(Section.Pool) + view.getUint32(shape(list), true) * 4, row, true);
  assert.is(
    refused(() => {}),
    null,
  );
  assert.is(gated[flags(1)], RULE_GATE);
  for (const list of [Shape.EgressGatesStart, Shape.ModelGatesStart]) {
    assert.is(refused(pointTo(list, 0)), "BAD_IMAGE");
    assert.is(refused(pointTo(list, 3)), "BAD_IMAGE");
  }
  const ruleOfPlan = (view: DataView): number => at(Section.Pool) + view.getUint32(at(Section.Plans) + 4, true) * 4;
  assert.is(
    refused((view) => view.setUint32(ruleOfPlan(view), 1, true)),
    "BAD_IMAGE",
  );
  assert.is(
    refused((view) => view.setUint8(flags(2), 0)),
    "BAD_IMAGE",
  );
  assert.is(
    refused((view) => view.setUint8(flags(1), RULE_GATE + 1)),
    "BAD_IMAGE",
  );
  assert.is(
    refused((view) => view.setUint8(flags(1) - 1, 0)),
    "BAD_IMAGE",
  );
  assert.is(
    refused((view) => view.setUint32(shape(Shape.EgressGatesCount), 1 << 20, true)),
    "BAD_IMAGE",
  );
});

test("F01 a part of the time needs its flag", () => {
  const timed = imageOf('agent "a" { default permit deny x if time.hour > 3 }');
  const view = new DataView(timed.buffer);
  const shapes = view.getUint32(HEADER_BYTES + Section.Shapes * 8, true);
  const length = view.getUint32(HEADER_BYTES + Section.Shapes * 8 + 4, true);
  for (let at = shapes; at < shapes + length; at += SHAPE_ROW_BYTES) view.setUint32(at + Shape.Flags * 4, 0, true);
  assert.is(refusal(resealed(timed)), "BAD_IMAGE");
});

test.run();
