// Which groups count as one user's own.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isPrivateGroup } from "../../runtime/private-group.ts";

const passwd = [
  "root:x:0:0:root:/root:/bin/sh",
  "ann:x:1000:1000::/home/ann:/bin/sh",
  "bob:x:1001:1001::/:/bin/sh",
  "eve:x:1002:1003::/:/bin/sh",
  "",
].join("\n");
const group = ["root:x:0:", "ann:x:1000:", "bob:x:1001:eve", "staff:x:1003:", "own:x:1004:ann", ""].join("\n");
const files = { passwd, group };

const cases: readonly [string, number, number, boolean][] = [
  ["a user's own group", 1000, 1000, true],
  ["root's", 0, 0, true],
  ["a group that lists its owner alone", 1004, 1000, true],
  ["a group with another member", 1001, 1001, false],
  ["another user's first group", 1003, 1000, false],
  ["a group that is not listed", 1005, 1000, false],
  ["an owner who is not listed", 1000, 4000, false],
];

for (const [name, gid, uid, expected] of cases) {
  test(`C01 ${name}`, () => assert.is(isPrivateGroup(gid, uid, files), expected));
}

test("C01 nothing is private where the files cannot be read", () => {
  assert.is(isPrivateGroup(1000, 1000, { passwd: "", group: "" }), false);
});

test.run();
