// Listings there and back: every image of the suite and generated ones give the same bytes, a changed line gives the image that
// it says, and hostile listings are refused with their line, whatever is in them.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { assemble, compile, disassemble, ListingFailure } from "../compiler/index.ts";
import { loadPolicySync } from "../runtime/evaluator/index.ts";
import { caseSets } from "./conformance/sets.ts";
import { policyDraft, policyText } from "./generate/policy.ts";
import { Random } from "./generate/random.ts";
import { changed, changesByChance } from "./mutate/image.ts";
import { everyPart, imageOf, noon, resealed } from "./vm/policies.ts";

const GENERATED_DEFAULT = 1_000;
const MUTANTS = 400;
const SPOILED = 6_000;

const image = imageOf(everyPart);
const listing = disassemble(image);

function same(bytes: Uint8Array, what: string): void {
  const text = disassemble(bytes);
  if (/^raw /m.test(text)) assert.unreachable(`${what}: a section is printed as bytes`);
  if (Buffer.compare(assemble(text), bytes) !== 0) assert.unreachable(`${what}: other bytes came back`);
}

test("every image of the conformance suite comes back as the same bytes", () => {
  let images = 0;
  for (const { place, spellings } of caseSets()) {
    for (const { file, text, imports } of spellings) {
      const compiled = compile(text, imports === undefined ? { file } : { file, imports });
      if (compiled.image === undefined) continue;
      same(compiled.image, `${place} ${file}`);
      images++;
    }
  }
  assert.ok(images > 500, String(images));
});

test("images of generated policies come back as the same bytes", () => {
  const wanted = Number(process.env.FARAMESH_LISTINGS ?? GENERATED_DEFAULT);
  let images = 0;
  for (let seed = Number(process.env.FARAMESH_SEED ?? 1); images < wanted; seed++) {
    const random = new Random(seed);
    const text = policyText(policyDraft(random, random.oneIn(3)));
    const compiled = compile(text, { file: "governance.fms" }).image;
    if (compiled === undefined) continue;
    same(compiled, `seed ${seed}`);
    images++;
  }
});

test("words, names and sources that a terminal would not show come back too", () => {
  const text = `agent "a\\u202eb" {\n\tdefault deny\n  # a remark \u00e9 😀 \u200b\n  permit t if "x y" == note reason "say \\"no\\"\\n"\r\n  deny u if args["a b"].c[0] == "\u0007" or n == -0 or n < 0.1\n}\n`;
  for (const source of [
    text,
    text.replaceAll("\r", ""),
    'agent "a" { default deny permit t if note == "\\u0001\ud83d\ude00" }',
  ]) {
    const compiled = compile(source, { file: "a policy.fms" }).image;
    if (compiled !== undefined) same(compiled, JSON.stringify(source));
  }
  same(image, "every part");
});

test("a changed line gives the image that it says", () => {
  const line = "LeNumber args.amount, 500              true → fail, else match";
  assert.ok(listing.includes(line));
  const other = assemble(listing.replace(line, line.replace("500", "7 ")));
  const policy = loadPolicySync(other, { state: "volatile" });
  const ask = (amount: number) =>
    policy.decide({ agent_id: "pay", tool_id: "stripe/other", args: { amount } }, { now: noon });
  assert.is(ask(8).reason, "too much");
  assert.is.not(ask(6).reason, "too much");
  const renamed = assemble(listing.replace('reason "too much"', 'reason "far too much"'));
  assert.is(loadPolicySync(renamed, { state: "volatile" }).rules()[1]?.reason, "far too much");
});

/** The failure of a listing; anything else that is thrown is a fault. */
function failureOf(text: string): ListingFailure | null {
  try {
    assemble(text);
    return null;
  } catch (error) {
    if (error instanceof ListingFailure) return error;
    throw error;
  }
}

function lineOf(text: string): number {
  return listing.slice(0, listing.indexOf(text)).split("\n").length;
}

for (const [what, from, to, words] of [
  ["another format", "image format 1", "image format 9", /format 1/],
  ["a rule out of order", "rule 1:", "rule 7:", /rule 1/],
  ["an unknown operation", "InSet args.currency", "InHeap args.currency", /no `InHeap`/],
  ["a field that is in no table", "Truth args.flag", "Truth args.flog", /`args\.flog` is none/],
  ["a temporary that is not there", "EqString t0", "EqString t99", /`t99` is none/],
  ["a jump back", "else 8\n", "else 0\n", /forward/],
  ["a fall-through that leads elsewhere", "true → 1, else fail\n", "true → 3, else fail\n", /`1` as one of both/],
  ["a word that no budget has", "window session", "window decade", /one of session, aligned/],
  ["a member that is missing", "limit 0: stripe/*, calls 5", "limit 0: stripe/*", /calls/],
  ["a place in no file", "# governance.fms:14:3", "# other.fms:14:3", /`other\.fms` is not/],
  ["a shape with a strange member", "  egress gates", "  ingress gates", /ingress/],
  ["a byte without a class", "  bytes ", "  bytes 00: class 0\n  bytes ", /has a class already|in no class/],
  ["a host that is no JSON", "host {", "host {{", /no JSON/],
  ["an agent without other tools", "  other tools → by", "  tools → by", /other tools/],
] as const) {
  test(`${what} is refused with its line`, () => {
    assert.ok(listing.includes(from), from);
    const failure = failureOf(listing.replace(from, to));
    if (failure === null) throw new Error("it was taken");
    assert.match(failure.message, words);
    assert.ok(Math.abs(failure.line - lineOf(from.trimStart())) <= 25, `line ${failure.line}, not ${lineOf(from)}`);
  });
}

test("what is no listing is refused at its line", () => {
  for (const [text, line] of [
    ["", 1],
    ["hello", 1],
    ["  rule", 1],
    ["image format 1, instructions 1\nrule", 2],
    ["image format 1, instructions 1\nimage format 1, instructions 1\nhost {}", 2],
    ["image format 1, instructions 1\nhost {}\nhost {}", 3],
    ["image format 1, instructions 1\nhost {}\nraw Nothing", 3],
    ["image format 1, instructions 1\nhost {}\nraw End", 3],
    ["image format 1, instructions 1\nhost {}\nraw Code\n  hex 0", 4],
    ['image format 1, instructions 1\nhost {}\nstring 0: "\\x"', 3],
    ["image format 1, instructions 1\nhost {}\nautomaton 0: 999999 states, 256 classes of bytes, begins in 0", 3],
    [`image format 1, instructions 1\nagent "a"\n${"  t → plan 0\n".repeat(2)}  other tools → plan 0\nhost {}`, 2],
  ] as const) {
    const failure = failureOf(text);
    if (failure === null) throw new Error(`taken: ${text}`);
    assert.is(failure.line, line, `${text}: ${failure.message}`);
  }
});

test("spoiled listings are refused with a line, or give an image", () => {
  const random = new Random(Number(process.env.FARAMESH_SEED ?? 1));
  const small = disassemble(
    imageOf(
      'agent "a" { default deny permit t if n < 5 and s in ["x", "y"] and w matches "^a+b" budget daily { max = $5 } }',
    ),
  );
  let refused = 0;
  for (let i = 0; i < SPOILED; i++) {
    const at = random.below(small.length);
    const insert = random.pick([
      "",
      " ",
      "\n",
      "0",
      "9",
      "99999999999",
      '"',
      "→",
      ", ",
      "raw Pool",
      "  ",
      "-",
      "t0",
      "args.",
    ]);
    if (failureOf(small.slice(0, at) + insert + small.slice(at + random.below(4))) !== null) refused++;
  }
  assert.ok(refused > SPOILED / 2, String(refused));
  assert.ok(refused < SPOILED, String(refused));
});

test("images that the loader takes come back whatever they hold", () => {
  const random = new Random(3);
  let taken = 0;
  for (let i = 0; i < MUTANTS; i++) {
    const bytes = resealed(
      changed(
        image,
        changesByChance(image, (bound) => random.below(bound)),
      ),
    );
    try {
      loadPolicySync(bytes, { state: "volatile", meterCapacity: 16, arenaBytes: 4096, requestBytes: 4096 });
    } catch {
      continue;
    }
    taken++;
    assert.is(Buffer.compare(assemble(disassemble(bytes)), bytes), 0, `mutant ${i}`);
  }
  assert.ok(taken > MUTANTS / 20, String(taken));
});

test.run();
