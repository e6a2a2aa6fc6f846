// The characters between quotes, with the escapes that the language knows undone. An unknown backslash stays, so that
// "\." and "\\." are the same regular expression.
const escapes: Readonly<Record<string, string>> = { "\\": "\\", '"': '"', "'": "'", n: "\n", r: "\r", t: "\t" };
const escapeAt = /\\(?:u([0-9a-fA-F]{4})|(.))/gsu;

/** The text of a token such as `"a\n"`; a token without its closing quote gives what is there. */
export function readQuoted(image: string): string {
  const closed = image.length > 1 && image.endsWith(image[0] ?? "");
  const inner = image.slice(1, closed ? -1 : undefined);
  if (!inner.includes("\\")) return inner;
  return inner.replace(escapeAt, (whole, hex: string | undefined, char: string | undefined) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    return escapes[char ?? ""] ?? whole;
  });
}
