// Which of two versions is the older one: precedence of https://semver.org 2.0.0, section 11. Both are exact versions, as the
// compiler has read them.

/** Below 0 where `a` is older than `b`; build metadata does not count. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [split(a), split(b)];
  for (const index of [0, 1, 2]) {
    const order = compareNumbers(left.core[index] ?? "0", right.core[index] ?? "0");
    if (order !== 0) return order;
  }
  if (left.before.length === 0 || right.before.length === 0) return right.before.length - left.before.length;
  const count = Math.min(left.before.length, right.before.length);
  for (let index = 0; index < count; index++) {
    const order = compareWords(left.before[index] ?? "", right.before[index] ?? "");
    if (order !== 0) return order;
  }
  return left.before.length - right.before.length;
}

function split(version: string): { core: readonly string[]; before: readonly string[] } {
  const [text = ""] = version.split("+");
  const dash = text.indexOf("-");
  const core = dash < 0 ? text : text.slice(0, dash);
  return { core: core.split("."), before: dash < 0 ? [] : text.slice(dash + 1).split(".") };
}

/** Decimal numbers of any length, without leading zeros. */
function compareNumbers(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareWords(a: string, b: string): number {
  const [isNumberA, isNumberB] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isNumberA && isNumberB) return compareNumbers(a, b);
  if (isNumberA !== isNumberB) return isNumberA ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
