// The filter of system calls, run by an interpreter of its own over made-up calls: both architectures, wherever the test runs.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type FilterArch, refusedCalls, seccompFilter } from "../../runtime/sandbox/seccomp.ts";

const audit = { x64: 0xc000003e, arm64: 0xc00000b7 } as const;
const allow = 0x7fff0000;
const kill = 0x80000000;
const [EPERM, ENOSYS, EAFNOSUPPORT] = [0x50001, 0x50000 + 38, 0x50000 + 97];

interface SystemCall {
  readonly arch?: number;
  readonly nr: number;
  readonly args?: readonly number[];
}

/** linux/bpf_common.h, as far as the filter goes; throws for anything else, and for a jump out of the program. */
function run(arch: FilterArch, call: SystemCall): number {
  const bytes = seccompFilter(arch);
  const program = new DataView(bytes.buffer);
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, call.nr, true);
  data.setUint32(4, call.arch ?? audit[arch], true);
  (call.args ?? []).forEach((value, index) => {
    data.setBigUint64(16 + 8 * index, BigInt(value), true);
  });
  let hand = 0;
  for (let at = 0; at * 8 < bytes.length; at++) {
    const [code, value] = [program.getUint16(at * 8, true), program.getUint32(at * 8 + 4, true)];
    const [ifTrue, ifFalse] = [program.getUint8(at * 8 + 2), program.getUint8(at * 8 + 3)];
    if (code === 0x06) return value;
    if (code === 0x20) hand = data.getUint32(value, true);
    else if (code === 0x54) hand = (hand & value) >>> 0;
    else if (code === 0x15) at += hand === value ? ifTrue : ifFalse;
    else if (code === 0x35) at += hand >= value ? ifTrue : ifFalse;
    else if (code === 0x45) at += (hand & value) !== 0 ? ifTrue : ifFalse;
    else throw new Error(`no such instruction: ${code}`);
  }
  throw new Error("the program has no end");
}

const numbers = {
  x64: { clone: 56, clone3: 435, socket: 41, ioctl: 16, read: 0, execve: 59, fork: 57, kill: 62, connect: 42 },
  arm64: {
    clone: 220,
    clone3: 435,
    socket: 198,
    ioctl: 29,
    read: 63,
    execve: 221,
    fork: 1079,
    kill: 129,
    connect: 203,
  },
} as const;

type Name = keyof (typeof numbers)["x64"];

const cases: readonly (readonly [string, Name, readonly number[], number])[] = [
  ["reading", "read", [0], allow],
  ["a program started", "execve", [], allow],
  ["a fork", "fork", [], allow],
  ["a signal: the namespace of processes bounds it", "kill", [1, 9], allow],
  ["a connection: the namespace of networks bounds it", "connect", [3], allow],
  ["a thread", "clone", [0x3d0f00], allow],
  ["a process of vfork", "clone", [0x4111], allow],
  ["a namespace of users", "clone", [0x10000000], EPERM],
  ["a namespace of mounts among other flags", "clone", [0x3d0f00 | 0x20000], EPERM],
  ["a namespace of networks", "clone", [0x40000011], EPERM],
  ["flags in memory", "clone3", [0x1000, 88], ENOSYS],
  ["a Unix socket", "socket", [1, 1, 0], allow],
  ["a TCP socket", "socket", [2, 1, 0], allow],
  ["a TCP socket that closes at exec", "socket", [10, 0x80801, 0], allow],
  ["a raw socket", "socket", [2, 3, 255], EPERM],
  ["a raw socket that closes at exec", "socket", [10, 0x80003, 58], EPERM],
  ["packets", "socket", [17, 3, 0x300], EAFNOSUPPORT],
  ["a socket to the hypervisor", "socket", [40, 1, 0], EAFNOSUPPORT],
  ["routes", "socket", [16, 3, 0], allow],
  ["audit", "socket", [16, 3, 9], EPERM],
  ["a family beyond 32 bits is cut as the kernel cuts it", "socket", [0x100000002, 3, 0], EPERM],
  ["a terminal's size", "ioctl", [0, 0x5413], allow],
  ["a terminal's input", "ioctl", [0, 0x5412], EPERM],
  ["a terminal's input, beyond 32 bits", "ioctl", [0, 0x100005412], EPERM],
  ["a console's input", "ioctl", [0, 0x541c], EPERM],
];

for (const arch of ["x64", "arm64"] as const) {
  for (const [name, call, args, expected] of cases) {
    test(`${arch}: ${name}`, () => assert.is(run(arch, { nr: numbers[arch][call], args }), expected));
  }

  test(`${arch}: every call of the table is refused`, () => {
    const let_through = Object.entries(refusedCalls).filter(([, { [arch]: nr }]) => {
      return nr !== null && run(arch, { nr }) !== EPERM;
    });
    assert.equal(let_through, []);
  });

  test(`${arch}: calls of another architecture end the process`, () => {
    for (const other of [0x40000003, 0x40000028, audit[arch === "x64" ? "arm64" : "x64"], 0]) {
      assert.is(run(arch, { arch: other, nr: 0 }), kill);
    }
  });

  test(`${arch}: no number is twice in the table`, () => {
    const seen = Object.values(refusedCalls).flatMap(({ [arch]: nr }) => (nr === null ? [] : [nr]));
    assert.is(new Set(seen).size, seen.length);
  });

  test(`${arch}: it fits what the kernel takes`, () => {
    assert.ok(seccompFilter(arch).length / 8 <= 4096);
  });
}

test("x64: calls of x32 are refused, whose numbers are the same calls", () => {
  for (const nr of [0x40000000, 0x40000000 + 101, 0xffffffff]) assert.is(run("x64", { nr }), ENOSYS);
});

test.run();
