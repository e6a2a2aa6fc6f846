// What the clients of AWS's SDK send their requests with: over addresses that were checked, with bounds, and without following redirects.
import { checkedFetch, type FetchLimits } from "./fetch.ts";

/** Of `@smithy/types`, as much as is used here. */
interface SmithyRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Record<string, string>;
  readonly body?: unknown;
}

export interface SmithyHandler {
  handle(
    request: SmithyRequest,
    options?: { abortSignal?: unknown },
  ): Promise<{ response: { statusCode: number; headers: Record<string, string>; body: Uint8Array } }>;
  updateHttpClientConfig(): void;
  httpHandlerConfigs(): Record<string, never>;
  destroy(): void;
}

/** `message` names neither URL nor host. */
export class NotSent extends Error {}

/** `allowPrivate`: asked at each request. */
export function smithyHandler(allowPrivate: () => boolean, limits: FetchLimits): SmithyHandler {
  const send = checkedFetch(allowPrivate, limits);
  return {
    handle: async (request, { abortSignal } = {}) => {
      const { method, headers, body } = request;
      const given = abortSignal instanceof AbortSignal ? [abortSignal] : [];
      const signal = AbortSignal.any([...given, AbortSignal.timeout(limits.headMs)]);
      try {
        const sent = typeof body === "string" || body instanceof Uint8Array ? { body: body as BodyInit } : {};
        const answer = await send(urlOf(request), { method, headers, signal, ...sent });
        const bytes = new Uint8Array(await answer.arrayBuffer());
        const told = Object.fromEntries(answer.headers.entries());
        return { response: { statusCode: answer.status, headers: told, body: bytes } };
      } catch (error) {
        const isLate = signal.aborted || (error instanceof Error && error.name === "AbortError");
        const why = isLate ? `no answer within ${limits.headMs} ms` : error instanceof Error ? error.message : "";
        throw new NotSent(why, { cause: error });
      }
    },
    updateHttpClientConfig: () => {},
    httpHandlerConfigs: () => ({}),
    destroy: () => {},
  };
}

function urlOf({ protocol, hostname, port, path, query = {} }: SmithyRequest): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value].flat().map((one) => `${encodeURIComponent(name)}=${encodeURIComponent(String(one ?? ""))}`),
  );
  const tail = pairs.length === 0 ? "" : `?${pairs.join("&")}`;
  return `${protocol}//${hostname}${port === undefined ? "" : `:${port}`}${path}${tail}`;
}
