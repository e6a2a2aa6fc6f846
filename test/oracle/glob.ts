// Does a tool pattern fit a name: tried segment by segment and character by character, every split, nothing compiled.

export function globMatches(pattern: string, name: string): boolean {
  return pattern === "*" || segmentsMatch(pattern.split("/"), name.split("/"));
}

/** `**` stands for any number of segments; at the end for one at least, since `a/` is no name. */
function segmentsMatch(pattern: readonly string[], name: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return name.length === 0;
  if (first === "**") {
    for (let taken = rest.length === 0 ? 1 : 0; taken <= name.length; taken++) {
      if (segmentsMatch(rest, name.slice(taken))) return true;
    }
    return false;
  }
  const [head, ...tail] = name;
  return head !== undefined && segmentMatches(first, head) && segmentsMatch(rest, tail);
}

function segmentMatches(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  if (pattern[0] === "*") {
    return segmentMatches(pattern.slice(1), text) || (text !== "" && segmentMatches(pattern, text.slice(1)));
  }
  return (
    text !== "" && (pattern[0] === "?" || pattern[0] === text[0]) && segmentMatches(pattern.slice(1), text.slice(1))
  );
}
