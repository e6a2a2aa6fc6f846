// What an agent imports as `faramesh/sdk`. It must never export anything that approves, changes policy or stops a daemon.

export type { Receipt } from "./answer.ts";
export { type Credential, credentialOf } from "./credential.ts";
export type { GovernOptions, RefusalHook, RefusedCall } from "./gate.ts";
export { type CallingClient, governedClient } from "./governed-client.ts";
export { type Governed, type GovernedFunction, governedTools } from "./governed-tools.ts";
export { HttpTransport, type HttpTransportOptions } from "./http-transport.ts";
export { type LocalPolicy, LocalTransport, type LocalTransportOptions } from "./local-transport.ts";
export { latestReceipt } from "./receipts.ts";
export { SocketTransport, type SocketTransportOptions } from "./socket-transport.ts";
export { type StubDecision, type StubEffect, type StubRule, StubTransport } from "./stub-transport.ts";
export { type Denial, type Resolution, type SdkCode, sdkCodes, ToolDeniedError } from "./tool-denied-error.ts";
export { type GovernRequest, type PollRequest, type Transport, TransportFailure } from "./transport.ts";
