// A server that speaks AWS's JSON 1.1 protocol for GetSecretValue of Secrets Manager, and the query protocol for AssumeRole of the Security
// Token Service, written from their references. Every signature is checked.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { whyUnsigned } from "./sigv4.ts";

export interface StoredSecret {
  readonly text?: string;
  readonly base64?: string;
  /** Of the version before. */
  readonly previous?: string;
  /** The name of an error that it answers with. */
  readonly error?: string;
}

/** Of signatures, as these services call them. */
const signatureErrors: Readonly<Record<string, string>> = {
  AccessDenied: "MissingAuthenticationTokenException",
  InvalidAccessKeyId: "UnrecognizedClientException",
  InvalidToken: "UnrecognizedClientException",
};

export class AwsServer {
  readonly region = "eu-central-1";
  readonly keys = new Map([["AKIDEXAMPLE", "own/s3cret+key"]]);
  readonly sessionTokens = new Map<string, string>();
  readonly secrets = new Map<string, StoredSecret>();
  readonly role = { arn: "arn:aws:iam::111122223333:role/reader", externalId: "ext-1" };
  /** Of keys that roles get. */
  roleSeconds = 3600;
  /** What was asked, with the id of the key. */
  readonly asked: string[] = [];
  /** Answers in the place of the server, for a while. */
  misbehave: ((request: IncomingMessage, response: ServerResponse) => boolean) | null = null;
  readonly #server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => this.#answer(request, response, Buffer.concat(chunks)));
  });

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, "127.0.0.1", () => resolve()));
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  fail(response: ServerResponse, name: string, status = 400): true {
    response.writeHead(status, { "content-type": "application/x-amz-json-1.1" });
    response.end(JSON.stringify({ __type: name, message: "pl4nted words of the service" }));
    return true;
  }

  #answer(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    const { method = "", url: target = "", headers } = request;
    if (method === "GET") {
      response.writeHead(404).end();
      return;
    }
    const isSts = headers["content-type"]?.startsWith("application/x-www-form-urlencoded") === true;
    const keyId = /Credential=([^/]+)/.exec(headers.authorization ?? "")?.[1] ?? "";
    this.asked.push(`${isSts ? "AssumeRole" : String(headers["x-amz-target"])} ${keyId}`);
    if (this.misbehave?.(request, response) === true) return;
    const { region, keys, sessionTokens } = this;
    const service = isSts ? "sts" : "secretsmanager";
    const verifier = { service, region, keys, sessionTokens, nowMs: Date.now() };
    const wrong = whyUnsigned({ method, target, headers, body }, verifier);
    if (isSts) this.#assume(response, new URLSearchParams(body.toString("utf8")), wrong);
    else if (wrong !== null) this.fail(response, signatureErrors[wrong] ?? "InvalidSignatureException");
    else if (headers["content-type"] !== "application/x-amz-json-1.1") this.fail(response, "SerializationException");
    else if (headers["x-amz-target"] !== "secretsmanager.GetSecretValue")
      this.fail(response, "UnknownOperationException");
    else this.#secret(response, JSON.parse(body.toString("utf8")) as Record<string, string>);
  }

  #secret(
    response: ServerResponse,
    { SecretId: id = "", VersionStage: stage = "AWSCURRENT" }: Record<string, string>,
  ): void {
    const found = this.secrets.get(id.replace(/^arn:aws:secretsmanager:[^:]+:\d+:secret:(.*)-\w{6}$/, "$1"));
    const text = stage === "AWSPREVIOUS" ? found?.previous : found?.text;
    const isThere = found?.error !== undefined || text !== undefined || found?.base64 !== undefined;
    if (found === undefined || !isThere) {
      this.fail(response, "ResourceNotFoundException");
      return;
    }
    if (found.error !== undefined) {
      this.fail(response, found.error);
      return;
    }
    const value = text === undefined ? { SecretBinary: found.base64 } : { SecretString: text };
    response.writeHead(200, { "content-type": "application/x-amz-json-1.1" });
    response.end(
      JSON.stringify({ ARN: `arn:aws:x:${id}`, Name: id, VersionStages: [stage], CreatedDate: 1.5e9, ...value }),
    );
  }

  #assume(response: ServerResponse, words: URLSearchParams, wrong: string | null): void {
    const isMeant = words.get("RoleArn") === this.role.arn && words.get("ExternalId") === this.role.externalId;
    const isAsked = words.get("Action") === "AssumeRole" && words.get("Version") === "2011-06-15";
    if (wrong !== null || !isMeant || !isAsked) {
      response.writeHead(403, { "content-type": "text/xml" });
      response.end("<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>");
      return;
    }
    const keyId = `ASIAROLE${this.keys.size}`;
    this.keys.set(keyId, "role/s3cret");
    this.sessionTokens.set(keyId, "role+t0ken==");
    const ends = new Date(Date.now() + this.roleSeconds * 1000).toISOString();
    response.writeHead(200, { "content-type": "text/xml" });
    response.end(`<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleResult>
    <AssumedRoleUser><Arn>${this.role.arn}/faramesh</Arn></AssumedRoleUser>
    <Credentials>
      <AccessKeyId>${keyId}</AccessKeyId>
      <SecretAccessKey>role/s3cret</SecretAccessKey>
      <SessionToken>role+t0ken==</SessionToken>
      <Expiration>${ends}</Expiration>
    </Credentials>
  </AssumeRoleResult>
</AssumeRoleResponse>`);
  }
}
