// What analysis finds in small policies against trying every call, as many as everyday tests have time for; the names of tools
// that are tried stand for every set of patterns.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { tryAll } from "./brute.ts";

const POLICIES_DEFAULT = 40;

test("what analysis finds of small policies, trying every call finds", () => {
  const policies = Number(process.env.FARAMESH_POLICIES ?? POLICIES_DEFAULT);
  const { differences, found } = tryAll(policies, Number(process.env.FARAMESH_SEED ?? 1));
  assert.equal(differences, []);
  assert.equal(Object.keys(found).sort(), ["FMS051", "FMS080", "FMS081", "FMS085"]);
});

test.run();
