// The environment that an agent's process is given: the operator's without what opens doors. Pure. A variable that a glob names must
// never come through, however its name is written.
import { compileGlob, run } from "../../compiler/automaton/index.ts";

/** Names that commonly hold credentials, or lead to an agent of keys. Letters of either case. */
export const credentialGlobs: readonly string[] = [
  "*TOKEN*", "*SECRET*", "*PASSWORD*", "*PASSWD*", "*PASSPHRASE*", "*CREDENTIAL*", "*API_KEY*", "*APIKEY*", "*ACCESS_KEY*",
  "*PRIVATE_KEY*", "*_KEY", "*_PAT", "*_DSN", "*_AUTH", "DATABASE_URL", "*_DATABASE_URL", "*CONNECTION_STRING*", "*_URI",
  "AWS_*", "AZURE_*", "GOOGLE_*", "GCP_*", "CLOUDSDK_*", "VAULT_*", "KUBECONFIG", "DOCKER_*", "NPM_CONFIG_*", "PIP_INDEX_URL",
  "SSH_*", "GPG_*", "GNUPGHOME", "DBUS_*", "XAUTHORITY", "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "NETRC", "PG*", "MYSQL_*",
  "REDIS_URL", "MONGO*",
]; // biome-ignore format: a table

/** Have another program run code in every process that is started. */
const loaders: ReadonlySet<string> = new Set([
  "LD_PRELOAD",
  "LD_AUDIT",
  "DYLD_INSERT_LIBRARIES",
  "NODE_OPTIONS",
  "BASH_ENV",
]);

export interface Stripped {
  readonly env: Readonly<Record<string, string>>;
  /** Names, sorted. */
  readonly taken: readonly string[];
}

type Environment = { readonly [name: string]: string | undefined };

/** Throws TypeError for a glob that is none. `ambient`: credentials that no glob of the policy names go too. */
export function strippedEnvironment(env: Environment, globs: readonly string[], ambient: boolean): Stripped {
  const matchers = [...globs, ...(ambient ? credentialGlobs : [])].map(matcherOf);
  const kept: Record<string, string> = {};
  const taken: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue;
    const isOurs = name.startsWith("FARAMESH_");
    if (isOurs || loaders.has(name) || matchers.some((matches) => matches(name))) taken.push(name);
    else kept[name] = value;
  }
  return { env: kept, taken: taken.sort() };
}

function matcherOf(glob: string): (name: string) => boolean {
  const compiled = compileGlob(glob, { separator: null, ignoreCase: true });
  if (!compiled.ok) throw new TypeError(`\`${glob}\` of \`strip_env\` is no pattern`);
  return (name) => run(compiled.automaton, Buffer.from(name));
}
