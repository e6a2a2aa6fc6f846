// A role of AWS that is taken on: AssumeRole of the Security Token Service (API version 2011-06-15), signed here and sent like all that
// the daemon asks for.
import { plainly } from "../outgoing/checked.ts";
import { checkedFetch } from "../outgoing/fetch.ts";
import { ProviderFailure } from "./provider.ts";

const answerLimitBytes = 64 * 1024;
const roleSeconds = 3600;

export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

export interface Role {
  readonly arn: string;
  readonly externalId: string | null;
  readonly region: string;
  /** Of the service. */
  readonly url: string;
  readonly ca?: string;
  readonly allowPrivate: boolean;
  readonly timeoutMs: number;
  readonly nowMs: number;
}

/** Rejects with ProviderFailure. `keys` are those that may take it on. */
export async function takeOn(role: Role, keys: AwsKeys): Promise<AwsKeys> {
  const { arn, externalId, region, url, ca, allowPrivate, timeoutMs, nowMs } = role;
  const { AwsV4Signer } = await import("aws4fetch");
  const words = new URLSearchParams({ Action: "AssumeRole", Version: "2011-06-15", RoleArn: arn });
  words.set("RoleSessionName", "faramesh");
  words.set("DurationSeconds", String(roleSeconds));
  if (externalId !== null) words.set("ExternalId", externalId);
  const body = words.toString();
  const { accessKeyId, secretAccessKey, sessionToken } = keys;
  const signed = await new AwsV4Signer({
    method: "POST",
    url,
    headers: { "content-type": "application/x-www-form-urlencoded; charset=utf-8" },
    body,
    service: "sts",
    region,
    accessKeyId,
    secretAccessKey,
    ...(sessionToken !== undefined && { sessionToken }),
    datetime: new Date(nowMs).toISOString().replace(/[:-]|\.\d{3}/g, ""),
    allHeaders: true,
  }).sign();
  const limits = { answerBytes: answerLimitBytes, headMs: timeoutMs, ...(ca !== undefined && { ca }) };
  const ask = checkedFetch(() => allowPrivate, limits);
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const answer = await ask(signed.url, { method: "POST", headers: signed.headers, body, signal });
    return keysIn(answer.status, await answer.text());
  } catch (error) {
    if (error instanceof ProviderFailure) throw error;
    throw new ProviderFailure("UNREACHABLE", `its role is not to be had: ${plainly(error)}`);
  }
}

/** Four elements without attributes; more of XML is not needed. */
function keysIn(status: number, text: string): AwsKeys {
  if (status === 403) throw new ProviderFailure("REFUSED", "its credentials may not take on its role");
  if (status !== 200) throw new ProviderFailure("REFUSED", `its role is not to be had: the answer was ${status}`);
  const part = (name: string): string =>
    new RegExp(`<${name}>\\s*([\\x21-\\x3b\\x3d-\\x7e]+)\\s*</${name}>`).exec(text)?.[1] ?? "";
  const expiration = new Date(part("Expiration"));
  const [accessKeyId, secretAccessKey, sessionToken] = [
    part("AccessKeyId"),
    part("SecretAccessKey"),
    part("SessionToken"),
  ];
  if (accessKeyId === "" || secretAccessKey === "" || sessionToken === "" || Number.isNaN(expiration.getTime()))
    throw new ProviderFailure("BAD_ANSWER", "the answer for its role holds no keys");
  return { accessKeyId, secretAccessKey, sessionToken, expiration };
}
