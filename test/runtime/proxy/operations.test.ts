// Requests against an OpenAPI document: the operation and the arguments that they are, or why they are none.
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DocumentFailure, serviceOf } from "../../../runtime/doors/proxy/openapi.ts";
import { fit } from "../../../runtime/doors/proxy/operation.ts";
import { readService } from "../../../runtime/doors/proxy/service-file.ts";
import { splitPath } from "../../../runtime/doors/proxy/target.ts";
import { faultOfService, upstreamOf } from "../../../runtime/doors/proxy/upstream.ts";
import { canonicalJson } from "../../../runtime/json.ts";

const file = fileURLToPath(new URL("service.yaml", import.meta.url));
const { service, sha256 } = await readService(dirname(file), "service.yaml");

const json = { "content-type": "application/json" };
const form = { "content-type": "application/x-www-form-urlencoded" };

/** Method and target, headers, body, and the tool with its arguments as JSON, or why it is none. */
const requests: readonly (readonly [string, Record<string, string>, string, string | RegExp])[] = [
  ["GET /orders", {}, "", "listOrders {}"],
  ["GET /orders?limit=10", {}, "", 'listOrders {"limit":10}'],
  ["GET /orders?limit=9007199254740993", {}, "", 'listOrders {"limit":9007199254740993}'],
  ["GET /orders?state=a&state=b", {}, "", 'listOrders {"state":["a","b"]}'],
  ["GET /orders?state=a", {}, "", 'listOrders {"state":["a"]}'],
  ["GET /orders?ids=1,2", {}, "", 'listOrders {"ids":[1,2]}'],
  ["GET /orders", { "x-team": "ops", session: "x" }, "", 'listOrders {"X-Team":"ops"}'],
  ["GET /orders?limit=10&limit=1000", {}, "", /is there twice/],
  ["GET /orders?ids=1&ids=2", {}, "", /is there twice/],
  ["GET /orders?limit=0x10", {}, "", /is no integer/],
  ["GET /orders?limit=1e3", {}, "", /is no integer/],
  ["GET /orders?limit=1.0", {}, "", /is no integer/],
  ["GET /orders?limit=%2010", {}, "", /is no integer/],
  ["GET /orders?limit=", {}, "", /is no integer/],
  ["GET /orders?ids=1,x", {}, "", /is no integer/],
  ["GET /orders?Limit=10", {}, "", /no parameter `Limit`/],
  ["GET /orders?admin=true", {}, "", /no parameter `admin`/],
  ["GET /orders?__proto__=1", {}, "", /no parameter `__proto__`/],
  ["GET /orders/17", {}, "", 'getOrder {"id":17}'],
  ["GET /orders/-1", {}, "", 'getOrder {"id":-1}'],
  ["GET /orders/x", {}, "", /is no integer/],
  ["GET /orders/1;x=2", {}, "", /has a `;`/],
  ["GET /orders/latest", {}, "", "latestOrder {}"],
  ["GET /orders/Latest", {}, "", /is no integer/],
  ["GET /orders/17/", {}, "", /no such operation/],
  ["GET /Orders", {}, "", /no such operation/],
  ["GET /", {}, "", /no such operation/],
  ["HEAD /orders", {}, "", /no such operation/],
  ["OPTIONS /orders", {}, "", /no such operation/],
  ["DELETE /orders/17", {}, "", /`force` is missing/],
  ["DELETE /orders/17?force=true", {}, "", 'deleteOrder {"force":true,"id":17}'],
  ["DELETE /orders/17?force=1", {}, "", /is no boolean/],
  ["DELETE /orders/17?force=True", {}, "", /is no boolean/],
  ["DELETE /orders/17?force=true", json, "{}", /has no body/],
  ["GET /orders/1/lines/2", {}, "", 'getLine {"id":1,"line":2}'],
  ["GET /reports/a%20b.csv", {}, "", /fits two operations/],
  ["GET /reports/a", {}, "", 'getPart {"part":"a"}'],
  ["GET /reports/.csv", {}, "", 'getPart {"part":".csv"}'],
  ["GET /reports/%ff", {}, "", /not encoded as UTF-8/],
  ["PUT /orders/a%2Cb", {}, "", 'putOrder {"x":"a,b"}'],
  ["POST /orders", json, '{"amount":5,"to":{"name":"x"}}', 'createOrder {"body":{"amount":5,"to":{"name":"x"}}}'],
  ["POST /orders", { "content-type": "Application/JSON; charset=UTF-8" }, "[1]", 'createOrder {"body":[1]}'],
  ["POST /orders", form, "amount=5&to=a%20b", 'createOrder {"body":{"amount":"5","to":"a b"}}'],
  ["POST /orders", form, "amount=5&amount=500", /`amount` is there twice/],
  ["POST /orders", form, "amount=5\r\nx", /its form is not encoded/],
  ["POST /orders", json, '{"amount":5,"amount":500}', /not JSON/],
  ["POST /orders", json, '{"amount":5} {}', /not JSON/],
  ["POST /orders", json, "", /its body is missing/],
  ["POST /orders", { "content-type": "text/plain" }, "{}", /not of that type/],
  ["POST /orders", { "content-type": "application/json; charset=utf-16" }, "{}", /not of that type/],
  ["POST /orders", { "content-type": "application/json, text/plain" }, "{}", /not of that type/],
  ["POST /orders", {}, "{}", /not of that type/],
  ["POST /orders", { ...json, "content-encoding": "gzip" }, "{}", /not compressed/],
  ["POST /orders?x=1", json, "{}", /no parameter `x`/],
  ["POST /uploads", { "content-type": "multipart/form-data" }, "x", /cannot be judged/],
  ["GET /unnamed", {}, "", /no such operation/],
  ["GET /search?filter[a]=1", {}, "", /no such operation/],
  ["GET /twice", {}, "", /no such operation/],
];

for (const [line, headers, body, expected] of requests) {
  test(`${line} ${body}`, () => {
    const [method = "", target = ""] = line.split(" ");
    const split = splitPath(target);
    if (typeof split === "string") throw new Error(split);
    const fitted = fit(service.operations, { method, ...split, headers, body: Buffer.from(body) });
    if (typeof expected === "string") {
      assert.is(fitted.ok ? `${fitted.tool} ${canonicalJson(fitted.args)}` : fitted.why, expected);
    } else assert.match(fitted.ok ? `it is ${fitted.tool}` : fitted.why, expected);
  });
}

test("what cannot be judged exactly is left out, with why", () => {
  const expected: readonly (readonly [string, RegExp])[] = [
    ["GET /unnamed", /no operationId/],
    ["GET /search", /`filter` is written in a way/],
    ["GET /twice", /`getOrder` is there twice/],
    ["GET /odd", /no name of a tool/],
    ["GET /pairs/{a}-{b}", /two parameters stand in one segment/],
    ["GET /undeclared/{id}", /`id` is no parameter/],
    ["GET /circle", /is not followed/],
    ["GET /elsewhere", /is not followed/],
  ];
  assert.is(service.leftOut.length, expected.length);
  for (const [index, [where, why]] of expected.entries()) {
    assert.ok(service.leftOut[index]?.startsWith(`${where}: `), service.leftOut[index]);
    assert.match(service.leftOut[index] ?? "", why);
  }
  assert.match(sha256, /^[0-9a-f]{64}$/);
  assert.match(readFileSync(file, "utf8"), /openapi: 3\.1\.0/);
});

for (const [name, document] of [
  ["nothing", null],
  ["a list", []],
  ["Swagger 2", { swagger: "2.0", paths: {} }],
  ["another version", { openapi: "4.0.0", paths: {} }],
  ["no paths", { openapi: "3.0.3" }],
] as const) {
  test(`no document: ${name}`, () =>
    assert.throws(
      () => serviceOf(document),
      (error: unknown) => error instanceof DocumentFailure,
    ));
}

const settings: readonly (readonly [Record<string, unknown>, RegExp | null])[] = [
  [{}, null],
  [{ http_proxy_port: 1 }, null],
  [{ http_proxy_port: 1, http_upstream: "https://a.example/v1", http_openapi: "o.yaml" }, null],
  [{ http_upstream: "https://a.example/v1", http_openapi: "o.yaml" }, /is not set/],
  [{ http_proxy_port: 1, http_upstream: "https://a.example" }, /go together/],
  [{ http_proxy_port: 1, http_upstream: "ftp://a.example", http_openapi: "o.yaml" }, /address of a service/],
  [{ http_proxy_port: 1, http_upstream: "https://u:p@a.example", http_openapi: "o.yaml" }, /address of a service/],
  [{ http_proxy_port: 1, http_upstream: "https://a.example?x=1", http_openapi: "o.yaml" }, /address of a service/],
];

for (const [runtime, wrong] of settings) {
  test(`settings ${JSON.stringify(runtime)}`, () => {
    const found = faultOfService(runtime);
    if (wrong === null) assert.is(found, null);
    else assert.match(String(found), wrong);
  });
}

test("a service's address is taken apart", () => {
  assert.equal(upstreamOf("https://a.example/v1/"), { isSecure: true, host: "a.example", port: 443, basePath: "/v1" });
  assert.equal(upstreamOf("http://[::1]:8080"), { isSecure: false, host: "::1", port: 8080, basePath: "" });
});

test.run();
