// The bounds of the HTTP door, each with its unit.

export interface HttpLimits {
  readonly bodyBytes: number;
  /** Bodies of all requests that are being read or judged. */
  readonly bodiesBytes: number;
  readonly headBytes: number;
  readonly headers: number;
  /** For the head of a request, from the first byte or from the connection on. */
  readonly headMs: number;
  /** For the whole of a request. */
  readonly requestMs: number;
  readonly idleMs: number;
  readonly connections: number;
  /** Requests of one connection before it is ended. */
  readonly requestsPerConnection: number;
  /** How often late requests are looked for. */
  readonly checkMs: number;
  /** Bytes of a stream that its reader may leave unread. */
  readonly unreadBytes: number;
  readonly heartbeatMs: number;
}

export const httpLimits: HttpLimits = {
  bodyBytes: 8 * 1024 * 1024,
  bodiesBytes: 64 * 1024 * 1024,
  headBytes: 16 * 1024,
  headers: 64,
  headMs: 10_000,
  requestMs: 30_000,
  idleMs: 60_000,
  connections: 1024,
  requestsPerConnection: 100_000,
  checkMs: 1000,
  unreadBytes: 256 * 1024,
  heartbeatMs: 15_000,
};
