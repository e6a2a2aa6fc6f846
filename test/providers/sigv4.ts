// Signature Version 4 as a server checks it, written from its specification (docs.aws.amazon.com, "Create a signed AWS API request") with
// nothing of what signs here.
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

export interface SignedRequest {
  readonly method: string;
  /** As on the request's first line. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Verifier {
  readonly service: string;
  readonly region: string;
  /** Secret keys by the id of the key. */
  readonly keys: ReadonlyMap<string, string>;
  /** By the id of the key; those that are not here come without. */
  readonly sessionTokens?: ReadonlyMap<string, string>;
  readonly nowMs: number;
}

const skewMaxMs = 15 * 60 * 1000;
const sha256 = (bytes: string | Buffer): string => createHash("sha256").update(bytes).digest("hex");
const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();

/** Null where all is well, else the code that S3 has for it. */
export function whyUnsigned(request: SignedRequest, verifier: Verifier): string | null {
  const { headers, body } = request;
  const written =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/;
  const parts = written.exec(headers.authorization ?? "");
  if (parts === null) return "AccessDenied";
  const [, keyId = "", day = "", region = "", service = "", names = "", signature = ""] = parts;
  const secret = verifier.keys.get(keyId);
  if (secret === undefined) return "InvalidAccessKeyId";
  const date = String(headers["x-amz-date"]);
  const time = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date)?.slice(1).map(Number);
  if (time === undefined || !date.startsWith(day)) return "AccessDenied";
  const [year = 0, month = 0, dayOfMonth = 0, hour = 0, minute = 0, second = 0] = time;
  const at = Date.UTC(year, month - 1, dayOfMonth, hour, minute, second);
  if (Math.abs(at - verifier.nowMs) > skewMaxMs) return "RequestTimeTooSkewed";
  if (region !== verifier.region || service !== verifier.service) return "AuthorizationHeaderMalformed";
  const signed = names.split(";");
  const must = ["host", ...Object.keys(headers).filter((name) => name.startsWith("x-amz-") || name === "content-md5")];
  if (must.some((name) => !signed.includes(name)) || names !== [...signed].sort().join(";")) return "AccessDenied";
  if ((verifier.sessionTokens?.get(keyId) ?? undefined) !== headers["x-amz-security-token"]) return "InvalidToken";
  const declared = headers["x-amz-content-sha256"] ?? sha256(body);
  if (declared !== sha256(body)) return "XAmzContentSHA256Mismatch";
  const canonical = [
    request.method,
    canonicalPath(request.target.split("?")[0] ?? "", verifier.service),
    canonicalQuery(request.target.split("?")[1] ?? ""),
    ...signed.map((name) => `${name}:${String(headers[name]).trim().replace(/ +/g, " ")}`),
    "",
    names,
    declared,
  ].join("\n");
  const scope = `${day}/${region}/${service}/aws4_request`;
  const key = [day, region, service, "aws4_request"].reduce<Buffer>(hmac, Buffer.from(`AWS4${secret}`));
  const right = hmac(key, ["AWS4-HMAC-SHA256", date, scope, sha256(canonical)].join("\n"));
  return timingSafeEqual(right, Buffer.from(signature, "hex")) ? null : "SignatureDoesNotMatch";
}

/** S3 encodes a path once, every other service twice. */
function canonicalPath(path: string, service: string): string {
  const once = path.split("/").map((part) => encoded(decodeURIComponent(part)));
  return (service === "s3" ? once : once.map(encoded)).join("/");
}

function canonicalQuery(query: string): string {
  if (query === "") return "";
  const pairs = query.split("&").map((pair) => pair.split("="));
  return pairs
    .map(([name = "", value = ""]) => `${encoded(decodeURIComponent(name))}=${encoded(decodeURIComponent(value))}`)
    .sort()
    .join("&");
}

function encoded(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return /[A-Za-z0-9_.~-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    })
    .join("");
}
