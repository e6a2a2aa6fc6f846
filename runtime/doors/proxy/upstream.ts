// The service that the proxy stands in front of, as `runtime { http_upstream }` names it. Pure.

/** `runtime { http_upstream }`, taken apart. */
export interface Upstream {
  readonly isSecure: boolean;
  readonly host: string;
  readonly port: number;
  /** Before every path; without a slash at its end. */
  readonly basePath: string;
}

/** Null for what is no address of a service. */
export function upstreamOf(text: string): Upstream | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !["http:", "https:"].includes(url.protocol)) return null;
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") return null;
  const isSecure = url.protocol === "https:";
  const port = url.port === "" ? (isSecure ? 443 : 80) : Number(url.port);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return { isSecure, host, port, basePath: url.pathname.replace(/\/+$/, "") };
}

/** What is wrong with the proxy's settings in a policy's `runtime`; null where nothing is. */
export function faultOfService(runtime: { readonly [name: string]: unknown }): string | null {
  const { http_upstream: upstream, http_openapi: file, http_proxy_port: port } = runtime;
  if (upstream === undefined && file === undefined) return null;
  if (upstream === undefined || file === undefined) return "`http_upstream` and `http_openapi` go together";
  if (typeof file !== "string" || file === "") return "`http_openapi` is the name of a file";
  if (typeof upstream !== "string" || upstreamOf(upstream) === null) {
    return "`http_upstream` is the address of a service, such as https://api.example.com/v1";
  }
  return port === undefined ? "`http_upstream` is served on `http_proxy_port`, which is not set" : null;
}
