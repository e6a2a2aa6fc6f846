// The table of time zones against what the engine knows of zones whose rules have not changed for years, how zones are
// named, and that the loader refuses offsets that no compiler writes.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compile } from "../../compiler/index.ts";
import { timezoneNames, timezoneOffsets } from "../../compiler/timezone.ts";
import { loadPolicySync } from "../../runtime/evaluator/index.ts";
import { HEADER_BYTES, Section, TABLE_ROW_BYTES } from "../../vm/shared/image.ts";
import { localUs } from "../oracle/timezone.ts";
import { resealed } from "../vm/policies.ts";

/** Bytes of a section. */
function sectionOf(image: Uint8Array, section: Section): Uint8Array {
  const view = new DataView(image.buffer, image.byteOffset);
  const row = HEADER_BYTES + section * TABLE_ROW_BYTES;
  return image.subarray(view.getUint32(row, true), view.getUint32(row, true) + view.getUint32(row + 4, true));
}

const steady = [
  "Europe/Berlin",
  "Europe/London",
  "America/New_York",
  "America/Los_Angeles",
  "America/Sao_Paulo",
  "America/St_Johns",
  "Asia/Kolkata",
  "Asia/Tokyo",
  "Asia/Kathmandu",
  "Australia/Sydney",
  "Australia/Lord_Howe",
  "Pacific/Apia",
  "Pacific/Chatham",
  "Africa/Lagos",
];

for (const zone of steady) {
  test(`B03 H06 clocks of ${zone} from 2000 to 2050 are those that the engine knows`, () => {
    const rows = timezoneOffsets(zone) ?? [];
    assert.ok(rows.length > 0);
    for (const [i, { fromMs, offsetMinutes }] of rows.entries()) {
      const until = rows[i + 1]?.fromMs ?? Date.UTC(2051, 0, 1);
      for (const ms of [fromMs, Math.floor((fromMs + until) / 2), until - 60_000])
        assert.is(
          Number(localUs(zone, BigInt(ms) * 1000n)) / 1000 - ms,
          offsetMinutes * 60_000,
          `${new Date(ms).toISOString()}`,
        );
    }
  });
}

test("zones without changes have one row, and aliases are names", () => {
  assert.is(timezoneOffsets("Asia/Tokyo")?.length, 1);
  assert.equal(timezoneOffsets("Asia/Calcutta"), timezoneOffsets("Asia/Kolkata"));
  assert.is(timezoneOffsets("__proto__"), null);
  assert.ok(timezoneNames().length > 500);
});

const wrong: readonly (readonly [written: string, message: string, help: string])[] = [
  ['"Europe/Berln"', "`Europe/Berln` is no time zone", "did you mean `Europe/Berlin`?"],
  ["berlin", "`berlin` is no time zone", "did you mean `Europe/Berlin`?"],
  ['"new york"', "`new york` is no time zone", "did you mean `America/New_York`?"],
  [
    '"Mars/Olympus Mons"',
    "`Mars/Olympus Mons` is no time zone",
    'write a name of the IANA database, such as "Europe/Berlin"',
  ],
  ["2", "`timezone` is the name of a time zone, not a number", 'write timezone = "Europe/Berlin"'],
];

for (const [written, message, help] of wrong) {
  test(`timezone = ${written}`, () => {
    const [found] = compile(`runtime { timezone = ${written} }\nagent a { default deny }`, {
      file: "p.fms",
    }).diagnostics;
    assert.equal([found?.code, found?.message, found?.help], ["FMS012", message, help]);
  });
}

test("the same text in UTC and without a zone differs in nothing that decides but its name", () => {
  const image = (zone: string) =>
    compile(`runtime { timezone = "${zone}" } agent a { default deny }`, { file: "p.fms" }).image;
  const rows = (zone: string) => sectionOf(image(zone) as Uint8Array, Section.Offsets).length / 16;
  assert.equal([rows("UTC"), rows("Asia/Tokyo"), rows("Europe/Berlin")], [0, 1, 103]);
});

const spoil: readonly (readonly [what: string, at: number, value: bigint])[] = [
  ["a time before 1970", 0, -1n],
  ["times that do not ascend", 16, 0n],
  ["clocks more than a day ahead", 8, 93_600_000_001n],
  ["clocks more than a day behind", 8, -93_600_000_001n],
];

for (const [what, at, value] of spoil) {
  test(`F01 the loader refuses ${what}`, () => {
    const { image } = compile('runtime { timezone = "Europe/Berlin" } agent a { default deny }', { file: "p.fms" });
    const bytes = Uint8Array.from(image as Uint8Array);
    const rows = sectionOf(bytes, Section.Offsets);
    new DataView(rows.buffer, rows.byteOffset).setBigInt64(at, value, true);
    assert.throws(() => loadPolicySync(resealed(bytes)), /BAD_IMAGE|cannot be/);
  });
}

test.run();
