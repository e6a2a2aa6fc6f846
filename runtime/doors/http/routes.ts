// Every route of the HTTP door, in the order of its document. A list, and the two that describe the door itself.
import { agentRoutes } from "./agent-routes.ts";
import type { Route } from "./asked.ts";
import { authzenRoutes } from "./authzen.ts";
import type { Metrics } from "./metrics.ts";
import { operatorRoutes } from "./operator-routes.ts";
import { anything, document } from "./schemas.ts";
import { streamRoute } from "./stream.ts";

/** Of the interface, not of the program: it changes when a client must. */
const interfaceVersion = "1";

export function routesOf(metrics: Metrics): readonly Route[] {
  const routes: Route[] = [...agentRoutes, ...operatorRoutes, streamRoute, ...authzenRoutes];
  routes.push({
    method: "GET",
    path: "/metrics",
    access: ["monitor", "operator"],
    summary: "Figures in Prometheus' text format",
    answers: { 200: anything },
    type: "text/plain",
    handle: async () => ({ status: 200, text: await metrics.text(), type: metrics.contentType }),
  });
  let text: string | null = null;
  routes.push({
    method: "GET",
    path: "/openapi.json",
    access: ["agent", "monitor", "operator"],
    summary: "This document",
    answers: { 200: document },
    handle: async () => {
      // Loaded when first asked for: no decision needs it.
      const { openApiOf } = await import("./openapi.ts");
      text ??= JSON.stringify(openApiOf(routes, interfaceVersion));
      return { status: 200, text };
    },
  });
  return routes;
}
