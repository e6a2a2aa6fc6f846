// The filter of system calls that an agent's processes run under, as the BPF program that bubblewrap's --seccomp takes. It only takes
// away: what it lets through is still the kernel's to refuse. It must never let a call through because its number is of another ABI.
// Sources: seccomp(2), struct sock_filter of linux/filter.h, the kernel's tables of system call numbers.

export type FilterArch = "x64" | "arm64";

interface Abi {
  /** AUDIT_ARCH_* of linux/audit.h. */
  readonly audit: number;
  /** Numbers from here on belong to another ABI of the same architecture. */
  readonly foreignFrom: number | null;
}

const abis: Readonly<Record<FilterArch, Abi>> = {
  x64: { audit: 0xc000003e, foreignFrom: 0x40000000 },
  arm64: { audit: 0xc00000b7, foreignFrom: null },
};

type Numbers = Readonly<Record<FilterArch, number | null>>;

const both = (number: number): Numbers => ({ x64: number, arm64: number });
const each = (x64: number, arm64: number | null): Numbers => ({ x64, arm64 });

/** Refused whatever their arguments; null where the architecture has none of that name. */
export const refusedCalls: Readonly<Record<string, Numbers>> = {
  // other processes: their memory, their files, their state
  ptrace: each(101, 117), process_vm_readv: each(310, 270), process_vm_writev: each(311, 271), kcmp: each(312, 272),
  pidfd_getfd: both(438), process_madvise: both(440),
  // other views of the file system, and other namespaces
  mount: each(165, 40), umount2: each(166, 39), pivot_root: each(155, 41), chroot: each(161, 51), move_mount: both(429),
  open_tree: both(428), fsopen: both(430), fsconfig: both(431), fsmount: both(432), fspick: both(433),
  mount_setattr: both(442), setns: each(308, 268), unshare: each(272, 97),
  open_by_handle_at: each(304, 265), name_to_handle_at: each(303, 264), fanotify_init: each(300, 262),
  // io_uring makes calls that no filter sees
  io_uring_setup: both(425), io_uring_enter: both(426), io_uring_register: both(427),
  // the kernel itself
  bpf: each(321, 280), perf_event_open: each(298, 241), userfaultfd: each(323, 282), kexec_load: each(246, 104),
  kexec_file_load: each(320, 294), init_module: each(175, 105), finit_module: each(313, 273), delete_module: each(176, 106),
  keyctl: each(250, 219), add_key: each(248, 217), request_key: each(249, 218), syslog: each(103, 116),
  personality: each(135, 92), modify_ldt: each(154, null), iopl: each(172, null), ioperm: each(173, null),
  uselib: each(134, null), lookup_dcookie: each(212, 18), nfsservctl: each(180, 42), acct: each(163, 89),
  quotactl: each(179, 60), quotactl_fd: both(443), swapon: each(167, 224), swapoff: each(168, 225), reboot: each(169, 142),
  vhangup: each(153, 58), sethostname: each(170, 161), setdomainname: each(171, 162),
  settimeofday: each(164, 170), clock_settime: each(227, 112), clock_adjtime: each(305, 266), adjtimex: each(159, 171),
}; // biome-ignore format: a table

/** Looked at with their arguments. */
const looked = { clone: each(56, 220), clone3: both(435), socket: each(41, 198), ioctl: each(16, 29) } as const;

const errno = { EPERM: 1, ENOSYS: 38, EAFNOSUPPORT: 97 } as const;
/** SECCOMP_RET_*. */
const allow = 0x7fff0000;
const killProcess = 0x80000000;
const refuse = (code: number): number => 0x00050000 | code;

/** CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}. */
const newNamespaces = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000;
const family = { unix: 1, inet: 2, inet6: 10, netlink: 16 } as const;
const socketTypeMask = 0xf;
const rawSocket = 3;
/** Put characters into a terminal's input: whoever reads the terminal would take them for the user's. */
const terminalInput = [0x5412 /* TIOCSTI */, 0x541c /* TIOCLINUX */] as const;

/** Of struct seccomp_data: the number, the architecture, the low half of argument n. */
const numberAt = 0;
const archAt = 4;
const argumentAt = (n: number): number => 16 + 8 * n;

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, value: number];

const load = (at: number): Instruction => [0x20, 0, 0, at];
const and = (mask: number): Instruction => [0x54, 0, 0, mask];
const end = (value: number): Instruction => [0x06, 0, 0, value];
const unlessEqual = (value: number, skip: number): Instruction => [0x15, 0, skip, value];
const unlessAtLeast = (value: number, skip: number): Instruction => [0x35, 0, skip, value];
const unlessAny = (mask: number, skip: number): Instruction => [0x45, 0, skip, mask];

/** When the value in hand equals `value`, `then`; a `then` that does not end falls out of the program's way by its own last step. */
function when(value: number, then: readonly Instruction[]): readonly Instruction[] {
  return [unlessEqual(value, then.length), ...then];
}

function program(arch: FilterArch): readonly Instruction[] {
  const { audit, foreignFrom } = abis[arch];
  const foreign = foreignFrom === null ? [] : [unlessAtLeast(foreignFrom, 1), end(refuse(errno.ENOSYS))];
  const refused = Object.values(refusedCalls).flatMap((numbers) => {
    const number = numbers[arch];
    return number === null ? [] : when(number, [end(refuse(errno.EPERM))]);
  });
  const of = (call: keyof typeof looked): number => looked[call][arch] ?? 0;
  return [
    load(archAt),
    ...[[0x15, 1, 0, audit] as const, end(killProcess)],
    load(numberAt),
    ...foreign,
    ...refused,
    // Its flags lie in memory, which no filter reads; libraries take the older call instead.
    ...when(of("clone3"), [end(refuse(errno.ENOSYS))]),
    ...when(of("clone"), [load(argumentAt(0)), unlessAny(newNamespaces, 1), end(refuse(errno.EPERM)), end(allow)]),
    ...when(of("ioctl"), [
      load(argumentAt(1)),
      ...terminalInput.flatMap((request) => when(request, [end(refuse(errno.EPERM))])),
      end(allow),
    ]),
    ...when(of("socket"), sockets),
    end(allow),
  ];
}

const noRaw: readonly Instruction[] = [
  load(argumentAt(1)),
  and(socketTypeMask),
  ...when(rawSocket, [end(refuse(errno.EPERM))]),
  end(allow),
];

const sockets: readonly Instruction[] = [
  load(argumentAt(0)),
  ...when(family.unix, [end(allow)]),
  // Only what tells of interfaces and routes: runtimes ask it before they look up a name.
  ...when(family.netlink, [load(argumentAt(2)), ...when(0, [end(allow)]), end(refuse(errno.EPERM))]),
  ...when(family.inet, noRaw),
  ...when(family.inet6, noRaw),
  end(refuse(errno.EAFNOSUPPORT)),
];

export function isFilterArch(arch: string): arch is FilterArch {
  return Object.hasOwn(abis, arch);
}

/** The program, eight bytes an instruction, little-endian as both architectures are. */
export function seccompFilter(arch: FilterArch): Uint8Array {
  const instructions = program(arch);
  const bytes = new DataView(new ArrayBuffer(instructions.length * 8));
  instructions.forEach(([code, ifTrue, ifFalse, value], index) => {
    bytes.setUint16(index * 8, code, true);
    bytes.setUint8(index * 8 + 2, ifTrue);
    bytes.setUint8(index * 8 + 3, ifFalse);
    bytes.setUint32(index * 8 + 4, value >>> 0, true);
  });
  return new Uint8Array(bytes.buffer);
}
