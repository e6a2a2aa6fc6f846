// What a sink in an object store may be told, read into where its objects go and what stands on each. Nothing here asks the network.
import { ProviderFailure } from "./provider.ts";
import type { SettingShapes, Settings } from "./settings.ts";
import { sharedSettings } from "./sink-http.ts";

export const s3Settings: SettingShapes = {
  bucket: { holds: "text", required: true },
  region: { holds: "text" },
  url: { holds: "text" },
  prefix: { holds: "text" },
  path_style: { holds: "bool" },
  access_key_id: { holds: "text", required: true },
  secret_access_key: { holds: "text", required: true },
  session_token: { holds: "text" },
  gzip: { holds: "bool" },
  checksum: { holds: "text", choices: ["sha256", "md5"] },
  encryption: { holds: "text", choices: ["AES256", "aws:kms", "aws:kms:dsse"] },
  kms_key_id: { holds: "text" },
  object_lock: { holds: "text", choices: ["GOVERNANCE", "COMPLIANCE"] },
  retain_days: { holds: "number" },
  legal_hold: { holds: "bool" },
  ...sharedSettings,
};

/** With the rest of a key it stays below the 1,024 bytes that stores take. */
const prefixMaxBytes = 512;
/** A hundred years, as the stores have it. */
const retainDaysMax = 36_500;

export interface S3Target {
  /** Ends with `/`; what follows is the key. */
  readonly baseUrl: string;
  readonly region: string;
  /** Of each key. */
  readonly prefix: string;
  /** Of each object: encryption and legal hold. */
  readonly headers: Readonly<Record<string, string>>;
  /** Null: objects are not locked by us. */
  readonly lock: { readonly mode: string; readonly days: number } | null;
}

/** Throws ProviderFailure SETTINGS. */
export function targetOf(settings: Settings): S3Target {
  // What fits no header is refused here: the error of whoever writes the header would show it.
  for (const name of ["access_key_id", "secret_access_key", "session_token", "kms_key_id"])
    if (!/^[\x21-\x7e]*$/.test(settings.text(name) ?? "")) throw refused(`\`${name}\` has characters that no key has`);
  const prefix = settings.text("prefix") ?? "";
  if (!isPrefix(prefix))
    throw refused(`\`prefix\` is parts of letters, digits and -_.= with / between, at most ${prefixMaxBytes} bytes`);
  const region = settings.text("region");
  if (region !== null && !/^[a-z0-9-]{1,64}$/.test(region)) throw refused("`region` is written as eu-central-1");
  return {
    baseUrl: baseOf(settings, region),
    region: region ?? "us-east-1",
    prefix,
    headers: {
      ...encryptionOf(settings),
      ...(settings.isOn("legal_hold") && { "x-amz-object-lock-legal-hold": "ON" }),
    },
    lock: lockOf(settings),
  };
}

/** A name with points in it fits no certificate as a part of the host. */
function baseOf(settings: Settings, region: string | null): string {
  const bucket = settings.given("bucket");
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$/.test(bucket) || bucket.includes(".."))
    throw refused("`bucket` is no name of a bucket");
  const given = settings.text("url");
  if (given === null && region === null) throw refused("either `region` or `url` is needed");
  const suffix = region?.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  const text = given ?? `https://s3.${region}.${suffix}/`;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.search !== "" || url.hash !== "") throw refused("`url` is no address of a store");
  const isPathStyle = settings.text("path_style") === null ? given !== null : settings.isOn("path_style");
  const path = url.pathname.replace(/\/+$/, "");
  if (isPathStyle || (given === null && !/^[a-z0-9-]+$/.test(bucket))) return `${url.origin}${path}/${bucket}/`;
  if (!/^[a-z0-9.-]+$/.test(bucket)) throw refused("a bucket of that name needs `path_style = true`");
  return `${url.protocol}//${bucket}.${url.host}${path}/`;
}

function encryptionOf(settings: Settings): Record<string, string> {
  const way = settings.text("encryption");
  const key = settings.text("kms_key_id");
  if (key !== null && !way?.startsWith("aws:kms")) throw refused('`kms_key_id` needs `encryption = "aws:kms"`');
  if (way === null) return {};
  const named: Record<string, string> = key === null ? {} : { "x-amz-server-side-encryption-aws-kms-key-id": key };
  return { "x-amz-server-side-encryption": way, ...named };
}

function lockOf(settings: Settings): S3Target["lock"] {
  const mode = settings.text("object_lock");
  const days = settings.number("retain_days");
  if (mode === null && days === null) return null;
  if (mode === null || days === null) throw refused("`object_lock` and `retain_days` are needed together");
  if (!Number.isInteger(days) || days < 1 || days > retainDaysMax)
    throw refused(`\`retain_days\` is a whole number from 1 to ${retainDaysMax}`);
  return { mode, days };
}

/** Nothing in it that a URL, or a store, could read in two ways. */
function isPrefix(prefix: string): boolean {
  if (prefix === "") return true;
  const parts = prefix.replace(/\/$/, "").split("/");
  return (
    prefix.length <= prefixMaxBytes && parts.every((part) => /^[A-Za-z0-9_.=-]+$/.test(part) && !/^\.\.?$/.test(part))
  );
}

function refused(why: string): ProviderFailure {
  return new ProviderFailure("SETTINGS", why);
}
