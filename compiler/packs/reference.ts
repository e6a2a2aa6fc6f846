// What the text of an import names: an artifact of a registry at one exact version, or a file beside the policy. Pure: it
// finds nothing. What could be read in two ways, or as another name than it looks like, is refused.

export interface RegistryReference {
  readonly kind: "registry";
  readonly host: string;
  /** Segments joined by `/`, without the host. */
  readonly path: string;
  readonly version: string;
  /** `host/path@version`: the name of the artifact everywhere. */
  readonly key: string;
  /** What a `use` calls it when the import gives no other name. */
  readonly name: string;
  /** Of a framework or a provider: it carries hints and brings no rules in. */
  readonly isHint: boolean;
}

export interface LocalReference {
  readonly kind: "local";
  /** Relative to the policy's folder, `/` between its parts, without `.` and `..`. */
  readonly key: string;
  readonly name: string;
  readonly isHint: false;
}

export type Reference = RegistryReference | LocalReference;

export interface BadReference {
  readonly message: string;
  readonly help: string;
}

/** UTF-16 code units of a reference. */
const lengthMax = 512;
const example = 'write import "github.com/acme/packs/stripe@1.3.0"';
/** https://semver.org, version 2.0.0: the grammar of one version. */
const semver =
  /^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;
const hostName = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/;
const segment = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;
const policyEnding = /\.(?:fms|fpl|fms\.ya?ml|fms\.json)$/;

export function isBad(reference: Reference | BadReference): reference is BadReference {
  return "message" in reference;
}

/** Reads the text of an import that stands in the file of that key ("" for the policy itself). */
export function readReference(text: string, within: string): Reference | BadReference {
  if (text.length > lengthMax) return { message: `this import has more than ${lengthMax} characters`, help: example };
  const foreign = /[^\x21-\x7e]/u.exec(text);
  if (foreign !== null) return foreignCharacter(foreign[0]);
  if (text === "") return { message: "an import names what it brings in", help: example };
  if (/^\.\.?\//.test(text)) return localReference(text, within);
  if (text.startsWith("/")) {
    return { message: "an import never names an absolute path", help: 'write import "./packs/payments.fms"' };
  }
  if (/^[a-z][a-z0-9+.-]*:/i.test(text)) {
    return { message: "an import is no address", help: `leave the scheme out: ${example}` };
  }
  if (text.includes("\\")) return { message: "the parts of an import are divided by `/`", help: example };
  return registryReference(text);
}

function foreignCharacter(character: string): BadReference {
  const point = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  const help =
    character.trim() === "" ? "remove it" : "it may look like a letter of another name; write the name in ASCII";
  return { message: `the character U+${point} cannot stand in an import`, help };
}

function localReference(text: string, within: string): Reference | BadReference {
  const folder = within.split("/").slice(0, -1);
  const parts = [...folder];
  for (const part of text.split("/")) {
    if (part === ".") continue;
    if (part === "..") {
      if (parts.pop() === undefined)
        return { message: `\`${text}\` leaves the policy's folder`, help: "move the file beside the policy" };
    } else if (segment.test(part)) parts.push(part);
    else return { message: `\`${part}\` cannot be part of an import's path`, help: 'write "./packs/payments.fms"' };
  }
  const key = parts.join("/");
  if (!policyEnding.test(key)) {
    return {
      message: `\`${text}\` is not named like a policy`,
      help: "a pack's file ends in .fms, .fms.yaml or .fms.json",
    };
  }
  return { kind: "local", key, name: (parts.at(-1) ?? "").replace(policyEnding, ""), isHint: false };
}

function registryReference(text: string): Reference | BadReference {
  const at = text.indexOf("@");
  const place = at < 0 ? text : text.slice(0, at);
  const version = at < 0 ? null : text.slice(at + 1);
  const [host = "", ...segments] = place.split("/");
  if (!hostName.test(host) || segments.length === 0) {
    const isUpper = hostName.test(host.toLowerCase());
    const help = isUpper ? `write the host in small letters: ${host.toLowerCase()}` : example;
    return { message: `\`${place}\` does not name a host and a path`, help };
  }
  for (const part of segments) {
    if (!segment.test(part) || part.endsWith("."))
      return { message: `\`${part}\` cannot be part of an import's path`, help: example };
  }
  if (version === null) return { message: `\`${text}\` has no version`, help: `pin one: import "${place}@1.0.0"` };
  const problem = versionProblem(version, place);
  if (problem !== null) return problem;
  const isHint = segments.slice(0, -1).some((part) => part === "frameworks" || part === "providers");
  const path = segments.join("/");
  return { kind: "registry", host, path, version, key: text, name: segments.at(-1) ?? "", isHint };
}

function versionProblem(version: string, place: string): BadReference | null {
  if (semver.test(version)) return null;
  const pinned = `pin one exact version: import "${place}@1.0.0"`;
  if (version.startsWith("v") && semver.test(version.slice(1)))
    return { message: `\`${version}\` is not a version`, help: `leave the \`v\` out: ${place}@${version.slice(1)}` };
  if (/^[a-z]+$/i.test(version)) return { message: `\`@${version}\` may be another version tomorrow`, help: pinned };
  if (/[\^~<>=|* ]|(?:^|\.)x(?:\.|$)/.test(version))
    return { message: `\`${version}\` is a range of versions`, help: pinned };
  if (/^\d+(?:\.\d+)?$/.test(version))
    return {
      message: `\`${version}\` is not a whole version`,
      help: `write all three numbers: ${place}@${version}${version.includes(".") ? ".0" : ".0.0"}`,
    };
  return { message: `\`${version}\` is not a version`, help: pinned };
}

/** The two keys look the same to a reader and are not: `paypal` and `paypa1`. */
export function looksLike(one: string, other: string): boolean {
  const [a, b] = [one.replace(/@.*$/, ""), other.replace(/@.*$/, "")];
  return a !== b && skeleton(a) === skeleton(b);
}

/** What a reader sees of a name: names with one skeleton look the same. */
export function skeleton(key: string): string {
  return key
    .toLowerCase()
    .replace(/rn/g, "m")
    .replace(/vv/g, "w")
    .replace(/0/g, "o")
    .replace(/[1i|]/g, "l")
    .replace(/5/g, "s")
    .replace(/[._-]/g, "");
}
