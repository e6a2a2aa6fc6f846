// Writes build/timezones.ts: when each time zone's distance from UTC changes from 2000 to 2050. Up to 2037 as the zone
// compiler of the IANA database had it (moment-timezone), from then on by the database's own rules (tzdata), both pinned.
// It must never ask the engine that runs it.
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import moment from "moment-timezone";

const require = createRequire(import.meta.url);
const FIRST_MS = Date.UTC(2000, 0, 1);
/** The last year that is compiled whole. */
const PROOF_YEAR = 2037;
const PROOF_MS = Date.UTC(PROOF_YEAR, 0, 1);
const RULES_MS = Date.UTC(PROOF_YEAR + 1, 0, 1);
const LAST_YEAR = 2050;
const MINUTE_MS = 60_000;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

export async function buildTimezones() {
  const tzdata = JSON.parse(await readFile(require.resolve("tzdata/timezone-data.json"), "utf8"));
  const lists = new Map();
  const zones = {};
  for (const name of moment.tz.names().sort()) {
    const { first, changes } = changesOf(name, tzdata);
    let [before, offset] = [FIRST_MS / MINUTE_MS, first];
    const text = changes
      .flatMap(({ at, to }) => {
        const pair = [at - before, to < offset ? -2 * (to - offset) + 1 : 2 * (to - offset)];
        [before, offset] = [at, to];
        return pair;
      })
      .map(write)
      .join("");
    if (!lists.has(text)) lists.set(text, lists.size);
    zones[name] = `${first}/${lists.get(text)}`;
  }
  const lines = [
    "// Written by build.mjs from moment-timezone and tzdata.",
    "// Numbers: five bits a character of A-Za-z0-9+/, the lowest first, 32 added where more follow.",
    `export const timezoneVersion = ${JSON.stringify(moment.tz.dataVersion)};`,
    "/** Minutes since the change before (the first: since 2000), and by how many the offset changes, twice the size and one more when down. */",
    `export const offsetChanges: readonly string[] = ${JSON.stringify([...lists.keys()], null, 2)};`,
    "/** By name: minutes from UTC when 2000 begins, and the place of its changes. */",
    `export const timezones: Readonly<Record<string, string>> = ${JSON.stringify(zones, null, 2)};`,
  ];
  const before = await readFile("build/timezones.ts", "utf8").catch(() => "");
  const after = `${lines.join("\n")}\n`;
  if (before !== after) await writeFile("build/timezones.ts", after);
}

/** Minutes: the offset when 2000 begins, and each change behind it. */
function changesOf(name, tzdata) {
  const { untils, offsets } = moment.tz.zone(name);
  let at = untils.findIndex((until) => until > FIRST_MS);
  const first = -offsets[at];
  const changes = [];
  for (; untils[at] < RULES_MS && at + 1 < offsets.length; at++) add(changes, first, untils[at], -offsets[at + 1]);
  // The rules' edition may be the older one: they go on only where they say of the last compiled year what that one says.
  const compiled = changes.filter((change) => change.at >= PROOF_MS / MINUTE_MS);
  const proof = [];
  const before = changes.findLast((change) => change.at < PROOF_MS / MINUTE_MS)?.to ?? first;
  for (const { ms, offset } of changesByRules(name, tzdata, before, PROOF_YEAR, PROOF_YEAR))
    add(proof, before, ms, offset);
  if (JSON.stringify(proof) === JSON.stringify(compiled)) {
    const last = changes.at(-1)?.to ?? first;
    for (const { ms, offset } of changesByRules(name, tzdata, last, PROOF_YEAR + 1, LAST_YEAR))
      add(changes, first, ms, offset);
  } else if (compiled.length > 0) throw new Error(`no rules go on where ${name} ends`);
  return { first, changes };
}

function add(changes, first, ms, to) {
  if (ms % MINUTE_MS !== 0 || !Number.isInteger(to)) throw new Error("a time zone changes within a minute");
  if ((changes.at(-1)?.to ?? first) !== to) changes.push({ at: ms / MINUTE_MS, to });
}

/** What the rules of the zone's last line say of some years. */
function changesByRules(name, { zones, rules }, offsetBefore, firstYear, lastYear) {
  let lines = zones[name];
  while (typeof lines === "string") lines = zones[lines];
  // Aliases that only one of the two knows have the rules of the zone that they stand for.
  if (lines === undefined) lines = zones[moment.tz.zone(name).name];
  const [west, rule] = lines?.at(-1) ?? [];
  if (lines === undefined) throw new Error(`no rules for ${name}`);
  const base = -Number(west);
  const found = [];
  for (let year = firstYear; year <= lastYear; year++) {
    for (const [from, to, , month, day, time, save] of rules[rule] ?? []) {
      const last = to === "only" ? from : to === "max" ? LAST_YEAR : to;
      if (year < Number(from) || year > Number(last)) continue;
      const [hours, minutes, seconds, kind] = time;
      const clock = (Number(hours) * 60 + Number(minutes)) * MINUTE_MS + Number(seconds) * 1000;
      found.push({ clockMs: dayOf(year, MONTHS.indexOf(month), day) + clock, kind, offset: base + Number(save) });
    }
  }
  found.sort((a, b) => a.clockMs - b.clockMs);
  let offset = offsetBefore;
  return found.map((change) => {
    const shift = ["u", "g", "z"].includes(change.kind) ? 0 : change.kind === "s" ? base : offset;
    offset = change.offset;
    return { ms: change.clockMs - shift * MINUTE_MS, offset };
  });
}

/** `26`, `lastSun`, `Sun>=8`, `Sat<=30` of a month, as milliseconds of its midnight. */
function dayOf(year, month, text) {
  const [, last, weekday, sign, number] = /^(last)?([A-Z][a-z]{2})?(>=|<=)?(\d*)$/.exec(text);
  const length = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  let day = last === undefined ? Number(number) : length;
  const step = last !== undefined || sign === "<=" ? -1 : 1;
  if (weekday !== undefined)
    while (new Date(Date.UTC(year, month, day)).getUTCDay() !== DAYS.indexOf(weekday)) day += step;
  return Date.UTC(year, month, day);
}

function write(number) {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  let text = "";
  let rest = number;
  for (; rest >= 32; rest = Math.floor(rest / 32)) text += digits[32 + (rest % 32)];
  return text + digits[rest];
}
