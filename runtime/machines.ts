// The machine that decides, kept beside the images as `<sha256>.wasm`: the log names it, so that a later version of this program
// can run the very one that decided. It must never run bytes that do not have the hash that a record names.
import { join } from "node:path";
import { type Disk, nodeDisk, readWhole, replaceFile } from "./disk.ts";
import { moduleOf } from "./evaluator/carried.ts";
import { loadPolicySync } from "./evaluator/index.ts";
import type { Policy } from "./evaluator/types.ts";
import { wholeMachine } from "./evaluator/whole-machine.ts";
import { ImageFailure } from "./images.ts";
import { sha256Hex } from "./log/line.ts";

const machineLimitBytes = 16 * 1024 * 1024;

/** The kind of a mark that names another machine than the records before. */
export const machineKind = "machine";

let ownHash: string | null = null;

/** SHA-256 of the machine that this program carries. */
export function ownMachineHash(): string {
  ownHash ??= sha256Hex(wholeMachine.bytes());
  return ownHash;
}

function machinePath(policiesDir: string, hash: string): string {
  return join(policiesDir, `${hash}.wasm`);
}

/** Keeps this program's machine, unless it is kept already. Throws the disk's error. */
export function storeMachine(policiesDir: string, disk: Disk = nodeDisk): void {
  const path = machinePath(policiesDir, ownMachineHash());
  if (disk.identity(path) === null) replaceFile(disk, path, wholeMachine.bytes());
}

/**
 * Opens images with the machine of a hash, for calls that are judged again without being carried out: `explain` tells the verdict alone.
 * A null hash is this program's own. Throws ImageFailure for a machine that is not kept, or changed, and LoadFailure.
 */
export function replayLoader(policiesDir: string): (image: Uint8Array, machineHash: string | null) => Policy {
  const modules = new Map<string, ReturnType<typeof moduleOf>>();
  const explainer = (): { rules: []; meters: [] } => ({ rules: [], meters: [] });
  const options = { state: "volatile", explainer, requestBytes: 0 } as const;
  return (image, machineHash) => {
    if (machineHash === null || machineHash === ownMachineHash()) {
      return loadPolicySync(image, options);
    }
    let module = modules.get(machineHash);
    if (module === undefined) {
      module = moduleOf(storedMachine(policiesDir, machineHash));
      modules.set(machineHash, module);
    }
    return loadPolicySync(image, { ...options, module });
  };
}

function storedMachine(policiesDir: string, hash: string): Uint8Array<ArrayBuffer> {
  const path = machinePath(policiesDir, hash);
  if (!/^[0-9a-f]{64}$/.test(hash) || nodeDisk.identity(path) === null) {
    throw new ImageFailure("POLICY_MISSING", `the machine ${hash.slice(0, 64)} is not kept here`);
  }
  const bytes = readWhole(nodeDisk, path, machineLimitBytes);
  if (sha256Hex(bytes) !== hash)
    throw new ImageFailure("POLICY_CORRUPT", `${path} is not the machine that its name says`);
  return new Uint8Array(bytes);
}
