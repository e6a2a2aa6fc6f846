// What the bench measures of the log and of replay, as one bundle: whatever is timed runs as it ships, not through a loader.
export { decisionBody } from "../runtime/decision-record.ts";
export { nodeDisk } from "../runtime/disk.ts";
export { KeyFiles } from "../runtime/key-files.ts";
export { Log } from "../runtime/log/log.ts";
export { verifyLog } from "../runtime/log/verify.ts";
export { evaluator } from "../runtime/machine.ts";
export { openLog } from "../runtime/query/open-log.ts";
export { statistics } from "../runtime/query/statistics.ts";
export { replay } from "../runtime/replay.ts";
