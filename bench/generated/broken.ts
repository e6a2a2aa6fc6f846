// Large policies with something wrong: a brace, a quote, a word, or nothing but rubbish. The compiler's answer to each must
// be short and, at 4 MiB, come within a second. Also read by the tests of the compiler, which hold what the answer is.

const head = 'agent "worker" {\n  default deny\n  rules {\n';
const tail = "  }\n}\n";

const roomBytes = (sizeBytes: number): number => sizeBytes - head.length - tail.length - 100;

function repeat(line: (i: number) => string, room: number): string[] {
  const lines: string[] = [];
  let size = 0;
  for (let i = 0; ; i++) {
    const next = line(i);
    size += next.length;
    if (size > room) return lines;
    lines.push(next);
  }
}

const rule = (i: number): string => `  permit tool${i}/run if amount < ${i % 1000} and region == "eu" reason "r${i}"\n`;

const rules = (sizeBytes: number, line: (i: number) => string, count = Number.POSITIVE_INFINITY): string =>
  head + repeat(line, roomBytes(sizeBytes)).slice(0, count).join("") + tail;
const whole = (sizeBytes: number, sign: string): string => sign.repeat(Math.floor(sizeBytes / sign.length));

/** Rules of all the room, one of them spoilt: the first, the one in the middle or the last. */
function spoilt(sizeBytes: number, at: "first" | "middle" | "last", spoil: (line: string) => string): string {
  const lines = repeat(rule, roomBytes(sizeBytes));
  const index = at === "first" ? 0 : at === "last" ? lines.length - 1 : lines.length >> 1;
  return head + lines.with(index, spoil(lines[index] ?? "")).join("") + tail;
}

/** Texts by what is wrong with them. Made when asked for: at 4 MiB they are 130 MB together. */
export const brokenPolicies: Readonly<Record<string, (sizeBytes: number) => string>> = {
  "no brace after the agent": (size) => rules(size, rule).replace('"worker" {', '"worker"'),
  "no brace after rules": (size) => rules(size, rule).replace("rules {", "rules"),
  "no brace at the end": (size) => head + repeat(rule, roomBytes(size)).join(""),
  "a brace too many in the first rule": (size) => spoilt(size, "first", (line) => `}${line}`),
  "a brace too many in the middle": (size) => spoilt(size, "middle", (line) => `}${line}`),
  "an agent inside an agent": (size) => spoilt(size, "middle", (line) => `agent "other" { default deny\n${line}`),
  "an open quote in the first rule": (size) => spoilt(size, "first", (line) => line.replace('"eu"', '"eu')),
  "an open quote in the middle": (size) => spoilt(size, "middle", (line) => line.replace('"eu"', 'eu"')),
  "an open quote in the last rule": (size) => spoilt(size, "last", (line) => line.replace('"eu"', '"eu')),
  "an open quote in every rule": (size) => rules(size, (i) => rule(i).replace('"eu"', '"eu')),
  "a misspelt effect in the last rule": (size) => spoilt(size, "last", (line) => line.replace("permit", "permti")),
  "a hundred thousand misspelt effects": (size) => rules(size, (i) => `permt tool${i} if x < 5\n`, 100_000),
  "a hundred thousand unknown names": (size) => rules(size, (i) => `permit t${i} if time.huor < 5\n`, 100_000),
  "line ends of two characters": (size) => rules(size, (i) => rule(i).replace("\n", "\r\n")).replace("permit tool9/", "permti tool9/"),
  "line ends of the old kind": (size) => rules(size, rule).replaceAll("\n", "\r").replace("permit tool9/", "permti tool9/"),
  "more rules than there may be": (size) => rules(size, (i) => `permit t${i}\n`),
  "one line of words": (size) => whole(size, "foo "),
  "one word": (size) => whole(size, "a"),
  "one text": (size) => `"${"a".repeat(size - 2)}"`,
  "one condition": (size) => `permit t if ${whole(size, "a == 1 or ").slice(0, -40)}a == 1`,
  "one list": (size) => `permit t if x in [${whole(size, "1,").slice(0, -40)}1`,
  "a million equal lines": (size) => whole(size, "foo\n"),
  "agents without a brace": (size) => whole(size, "agent a\n"),
  "opening braces": (size) => whole(size, "{"),
  "closing braces": (size) => whole(size, "}"),
  "opening parentheses": (size) => `permit t if ${"(".repeat(size - 20)}`,
  "closing parentheses": (size) => `permit t if ${")".repeat(size - 20)}`,
  "agents inside agents": (size) => whole(size, "agent a {"),
  "NUL characters": (size) => whole(size, "\0"),
  "NUL characters in the middle": (size) => spoilt(size, "middle", () => `${"\0".repeat(80)}\n`),
  "characters of another script": (size) => "é".repeat(size / 2),
  "bytes of a program": (size) => program(size),
  "blank lines and a misspelt effect": (size) => `${"\n".repeat(size - 20)}permti t`,
}; // biome-ignore format: a table

/** Characters up to U+00FF in no order, the same each time. */
function program(sizeBytes: number): string {
  let state = 12_345;
  const codes = Array.from({ length: 65_536 }, () => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    return (state >> 8) & 0xff;
  });
  return String.fromCharCode(...codes).repeat(Math.floor(sizeBytes / 100_000));
}
