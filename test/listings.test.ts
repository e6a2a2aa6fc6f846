// Listings of small policies, read by people before they are renewed: FARAMESH_RENEW=1 writes them anew.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compile, disassemble } from "../compiler/index.ts";
import { everyPart, imageOf } from "./vm/policies.ts";

const folder = new URL("./listings/", import.meta.url);
const policies = readdirSync(folder).filter((name) => name.endsWith(".fms"));

test("there are listings to hold", () => {
  assert.ok(policies.length >= 4);
});

for (const name of policies) {
  test(`${name} is listed as before`, () => {
    const { image, diagnostics } = compile(readFileSync(new URL(name, folder), "utf8"), { file: "governance.fms" });
    if (image === undefined) throw new Error(diagnostics.map((d) => `${d.line}: ${d.message}`).join("; "));
    const golden = new URL(name.replace(/fms$/, "txt"), folder);
    const listing = disassemble(image);
    if (process.env.FARAMESH_RENEW === "1") writeFileSync(golden, listing);
    assert.fixture(listing, readFileSync(golden, "utf8"));
  });
}

test("bytes that are no image are refused, and changed ones are listed or refused", () => {
  const image = imageOf(everyPart);
  for (const bytes of [new Uint8Array(0), new Uint8Array(4096), image.slice(0, -8)])
    assert.throws(() => disassemble(bytes), /no faramesh image/);
  for (let at = 16; at < image.length; at += 61) {
    const bytes = image.slice();
    bytes[at] = 0xff;
    try {
      assert.type(disassemble(bytes), "string");
    } catch (error) {
      assert.instance(error, RangeError, String(error));
    }
  }
});

test.run();
