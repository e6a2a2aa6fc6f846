// The OpenAPI document and the page for users, held to the running server.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import * as v from "valibot";
import type { Route } from "../../../runtime/doors/http/asked.ts";
import type { Metrics } from "../../../runtime/doors/http/metrics.ts";
import { schemaOf } from "../../../runtime/doors/http/openapi.ts";
import { routesOf } from "../../../runtime/doors/http/routes.ts";
import { refusal } from "../../../runtime/doors/http/schemas.ts";
import { type Asking, type HttpUnderTest, onHttp } from "./client.ts";

const policy = `agent "bot" { default deny permit search defer refund deny drop }`;
// The routes' own handlers are not called here.
const routes = routesOf({} as Metrics);

interface Tokens {
  readonly operator: string;
  readonly monitor: string;
}

interface Case extends Asking {
  readonly path: string;
  /** The path's template, where it has parameters. */
  readonly of?: string;
  readonly status: number;
}

const tool = { type: "tool", id: "search" };
const subject = { type: "agent", id: "bot" };

function casesOf(id: string, action: string, { operator, monitor }: Tokens): readonly Case[] {
  const approval = "/v1/approvals/{id}";
  const evaluation = { subject, resource: tool, action: { name: "invoke" } };
  return [
    { path: "/v1/evaluate", body: { tool_id: "search" }, status: 200 },
    { path: "/v1/evaluate", body: { tool_id: "drop" }, status: 200 },
    { path: "/v1/evaluate", body: { tool_id: "refund" }, status: 200 },
    { path: "/v1/evaluate", body: { agent_id: "other", tool_id: "refund" }, status: 200 },
    { path: "/v1/evaluate", body: "{", status: 400 },
    { path: "/v1/evaluate", body: {}, status: 400 },
    { path: "/v1/evaluate", body: {}, token: "x", status: 401 },
    { path: "/v1/evaluate", body: {}, token: monitor, status: 403 },
    { path: "/v1/authorize", body: { tool_id: "search" }, status: 200 },
    { path: "/v1/complete", body: {}, status: 200 },
    { path: "/v1/complete", body: "[]", status: 400 },
    { path: "/v1/report", body: { action_id: action, status: "success", result: [1] }, status: 200 },
    { path: "/v1/report", body: "7", status: 400 },
    { path: "/v1/report", body: { action_id: "x", status: "x" }, status: 404 },
    { path: "/v1/cost", body: { action_id: action, cost_usd: 1 }, status: 200 },
    { path: "/v1/scan_output", body: { tool_id: "search", output: { a: 1 } }, status: 200 },
    { path: "/v1/status", status: 200 },
    { path: "/v1/status", token: monitor, status: 200 },
    { path: "/v1/approvals", token: operator, status: 200 },
    { path: "/v1/approvals?status=lost", of: "/v1/approvals", token: operator, status: 400 },
    { path: `/v1/approvals/${id}`, of: approval, status: 200 },
    { path: `/v1/approvals/${id}`, of: approval, token: operator, status: 200 },
    { path: "/v1/approvals/apr-x", of: approval, status: 404 },
    { path: "/v1/approvals/apr-x", of: approval, token: operator, status: 404 },
    { path: `/v1/approvals/${id}/approve`, of: `${approval}/approve`, body: {}, status: 403 },
    { path: `/v1/approvals/${id}/approve`, of: `${approval}/approve`, token: operator, body: {}, status: 200 },
    { path: `/v1/approvals/${id}/deny`, of: `${approval}/deny`, token: operator, body: {}, status: 409 },
    { path: "/healthz", token: null, status: 200 },
    { path: "/readyz", token: null, status: 200 },
    { path: "/metrics", token: monitor, status: 200 },
    { path: "/openapi.json", status: 200 },
    { path: "/v1/stream?kind=lost", of: "/v1/stream", status: 400 },
    { path: "/.well-known/authzen-configuration", token: null, status: 200 },
    { path: "/access/v1/evaluation", body: evaluation, status: 200 },
    { path: "/access/v1/evaluation", body: { subject }, status: 400 },
    {
      path: "/access/v1/evaluations",
      body: { subject, action: { name: "x" }, evaluations: [{ resource: tool }, {}] },
      status: 200,
    },
    { path: "/access/v1/evaluations", body: evaluation, status: 200 },
  ];
}

async function tokensOf(http: HttpUnderTest): Promise<Tokens> {
  return { operator: (await http.tokenOf("operator")).token, monitor: (await http.tokenOf("monitor")).token };
}

test("every path and answer of the server is as the document says", async () => {
  await onHttp(policy, async (http) => {
    const { approval_id: id } = JSON.parse((await http.ask("/v1/evaluate", { body: { tool_id: "refund" } })).text);
    const { action_id } = JSON.parse((await http.ask("/v1/evaluate", { body: { tool_id: "search" } })).text);
    const document = JSON.parse((await http.ask("/openapi.json")).text);
    const met = new Set<string>();
    for (const { path, of = path, status, ...asking } of casesOf(id, action_id, await tokensOf(http))) {
      const answer = await http.ask(path, asking);
      const place = `${asking.body === undefined ? "GET" : "POST"} ${path} ${status}`;
      assert.is(answer.status, status, `${place}: ${answer.text}`);
      const method = asking.body === undefined ? "GET" : "POST";
      const route = routes.find((one) => one.method === method && one.path === of) as Route;
      const operation = document.paths[of]?.[method.toLowerCase()];
      assert.ok(operation, place);
      met.add(`${method} ${of}`);
      const schema = route.answers[status] ?? refusal;
      const type = status === 200 ? (route.type ?? "application/json") : "application/json";
      assert.match(String(answer.headers["content-type"]), new RegExp(`^${type}`), place);
      const value = type === "application/json" ? JSON.parse(answer.text) : answer.text;
      const { issues } = v.safeParse(schema, value);
      assert.is(issues, undefined, `${place}: ${issues?.[0]?.message} at ${issues && v.getDotPath(issues[0])}`);
      const said = operation.responses[status];
      if (said !== undefined) assert.equal(said.content[type].schema, schemaOf(schema), place);
      else assert.ok(route.answers[status] === undefined, place);
    }
    met.add("GET /v1/stream");
    const all = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(Object(operations)).map((method) => `${method.toUpperCase()} ${path}`),
    );
    assert.equal([...met].sort(), all.sort());
    assert.is(document.openapi, "3.1.0");
  });
});

const page = readFileSync(fileURLToPath(new URL("../../../docs/http.md", import.meta.url)), "utf8");
const lines = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, text]) => (text ?? "").trim().split("\n"));

test("every curl line of the page works as it stands, and each endpoint has one", async () => {
  await onHttp(policy, async (http) => {
    const approvalOf = async (amount: number) =>
      JSON.parse((await http.ask("/v1/evaluate", { body: { tool_id: "refund", args: { amount } } })).text).approval_id;
    const { action_id } = JSON.parse((await http.ask("/v1/evaluate", { body: { tool_id: "search" } })).text);
    const { operator, monitor } = await tokensOf(http);
    const env = {
      PATH: process.env.PATH,
      URL: http.stack.daemon.httpAddress() ?? "",
      TOKEN: http.token,
      OPERATOR: operator,
      MONITOR: monitor,
      ACTION: action_id,
      APPROVAL: await approvalOf(1),
      OTHER: await approvalOf(2),
    };
    assert.ok(lines.length > 15);
    for (const line of lines) {
      assert.match(line, /^curl /);
      const { stdout } = await promisify(execFile)("sh", ["-c", line], { env });
      if (!line.includes("/v1/stream?")) assert.ok(stdout.length > 0, line);
    }
    for (const { path } of routes) {
      const form = path.replace("{id}", "(\\$APPROVAL|\\$OTHER)");
      assert.ok(
        lines.some((line) => new RegExp(`\\$URL${form.replaceAll(".", "\\.")}["?]`).test(line)),
        path,
      );
    }
  });
});

test.run();
