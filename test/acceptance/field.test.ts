// Clients written elsewhere, in another language and each in its own way, against a daemon in a process of its own.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readRecords } from "../../runtime/log/read.ts";
import { socketPlaces, stackPaths } from "../../runtime/stack.ts";
import { DaemonProcess } from "../runtime/daemon-process.ts";

const client = fileURLToPath(new URL("../clients/field.py", import.meta.url));
const policy = `agent "bot" {
  default deny
  permit search
  permit charge if amount < 500
  defer refund
  defer stripe/refund
}
`;

test("clients of the field in Python: one-shot, pipelined, pooled, JSON-RPC, decorated; approvals, replays, odd values", async () => {
  const daemon = await DaemonProcess.start(policy);
  try {
    const paths = stackPaths(daemon.dir);
    const { agent } = socketPlaces(paths, {}, undefined);
    const { stdout } = await promisify(execFile)("python3", [client, agent, paths.tokenFile]);
    const orders = ["OPERATOR_ONLY", "OPERATOR_ONLY", true, "ALREADY_RESOLVED"];
    assert.equal(JSON.parse(stdout), {
      rpc: ["PERMIT", "DEFER", -32601, -32600],
      decorator: ["charged 10", "DENY", "DENY"],
      approved: ["DEFER", true, "pending", ...orders, "approved", "APPROVAL_MISMATCH"],
      replayed: [
        ["DENY", "APPROVAL_CONSUMED", 999],
        ["PERMIT", "POLICY_PERMIT", 1],
      ],
      denied: ["DEFER", true, "pending", ...orders, "denied", "APPROVAL_MISMATCH"],
      "after the denial": "APPROVAL_DENIED",
      pipelined: { "0 PERMIT": 100, "1 DENY": 100, "2 unknown": 100, "3 inspect": 100, "4 READY": 100 },
      threads: { PERMIT: 400 },
      odd: {
        "10.0": "PERMIT",
        "500.0": "DENY",
        NaN: "BAD_REQUEST",
        "-Infinity": "BAD_REQUEST",
        "2**70": "PERMIT",
        surrogate: "BAD_REQUEST",
        None: "DENY",
        arguments: "BAD_REQUEST",
        pieces: "PERMIT",
        "no newline": "PERMIT",
        "two on a line": "BAD_REQUEST",
        "number as id": "BAD_REQUEST",
        "more members": "PERMIT",
      },
    });
    const counts = new Map<string, number>();
    for await (const { value } of readRecords(paths.defaultWalDir)) {
      const key = value.kind === "operator_refused" ? "refused" : `${value.tool} ${value.effect}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    // Each of the two orders without the token and with a wrong one; one use of one approval.
    assert.equal([counts.get("refused"), counts.get("refund permit")], [4, 1]);
  } finally {
    await daemon.remove();
  }
});

test.run();
