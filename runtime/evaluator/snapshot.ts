// Reads budgets out of a snapshot for people to look at. The machine alone writes snapshots; see vm/snapshot.ts for the bytes.
import type { HostSection } from "../../compiler/lower/lower.ts";
import { SNAPSHOT_HEAD_BYTES } from "../../vm/shared/abi.ts";
import { Budget, BudgetWindow, CostKind } from "../../vm/shared/image.ts";
import type { ImageReader } from "./image.ts";
import { budgetsOfAgent } from "./image-host.ts";
import { budgetAmount, budgetByte } from "./image-rows.ts";
import type { BudgetState } from "./types.ts";

const KIND_BUDGET = 2;
/** Meters with events behind their values, as many as the third value says. */
const KINDS_WITH_EVENTS: readonly number[] = [7, 8];
const EVENT_BYTES = 16;
const VALUES_BYTES = 48;
const SESSION_IDLE_MS = 86_400_000;
const decoder = new TextDecoder();

interface Meter {
  readonly agent: string;
  readonly id: string;
  readonly session: string;
  readonly spentMicro: number;
  readonly calls: number;
}

/** Budgets with what they hold at `now`; those of declared agents also while they hold nothing. */
export function readBudgets(image: ImageReader, host: HostSection, snapshot: Uint8Array, now: number): BudgetState[] {
  const meters = [...budgetMeters(snapshot, now)];
  const states: BudgetState[] = [];
  const declared = new Set(Array.from({ length: image.agentCount }, (_, i) => image.agentId(i)));
  for (let agentIndex = 0; agentIndex < image.agentCount; agentIndex++) {
    const agent = image.agentId(agentIndex);
    for (const budget of budgetsOfAgent(image, host, agentIndex)) {
      const id = image.budgetId(budget);
      const own = meters.filter((m) => m.id === id && (agent === "" ? !declared.has(m.agent) : m.agent === agent));
      const bySession = budgetByte(image, budget, Budget.Window) === BudgetWindow.Session;
      const ceiling = budgetAmount(image, budget, Budget.Max);
      const most = budgetAmount(image, budget, Budget.MaxCalls);
      const limits = {
        unit: unitOf(image.costKind(budget)),
        max_micro: ceiling < 0 ? null : ceiling,
        max_calls: most < 0 ? null : most,
      };
      for (const meter of own) {
        states.push({
          id,
          agent: meter.agent,
          session: meter.session,
          spent_micro: meter.spentMicro,
          calls: meter.calls,
          ...limits,
        });
      }
      if (own.length === 0 && agent !== "" && !bySession) {
        states.push({ id, agent, session: "", spent_micro: 0, calls: 0, ...limits });
      }
    }
  }
  return states;
}

function unitOf(kind: CostKind): BudgetState["unit"] {
  if (kind === CostKind.Size) return "bytes";
  return kind === CostKind.Distinct ? "values" : "usd";
}

function* budgetMeters(snapshot: Uint8Array, now: number): Generator<Meter> {
  const view = new DataView(snapshot.buffer, snapshot.byteOffset, snapshot.byteLength);
  const count = view.getUint32(8, true);
  let at = SNAPSHOT_HEAD_BYTES;
  for (let i = 0; i < count; i++) {
    const keyLength = view.getUint16(at, true);
    const kind = view.getUint8(at + 2);
    const key = snapshot.subarray(at + 4, at + 4 + keyLength);
    const values = at + 4 + keyLength;
    const value = (index: number): number => Number(view.getBigInt64(values + index * 8, true));
    at = values + VALUES_BYTES + (KINDS_WITH_EVENTS.includes(kind) ? value(2) * EVENT_BYTES : 0);
    if (kind !== KIND_BUDGET) continue;
    const [agent = "", id = "", session = ""] = keyParts(key);
    const endMs = value(2) / 1000;
    const open = endMs === 0 ? now - value(5) / 1000 < SESSION_IDLE_MS : now < endMs;
    if (open) yield { agent, id, session, spentMicro: value(0), calls: value(1) };
  }
}

function keyParts(key: Uint8Array): string[] {
  const parts: string[] = [];
  for (let at = 1; at + 2 <= key.length; ) {
    const length = (key[at] ?? 0) | ((key[at + 1] ?? 0) << 8);
    parts.push(decoder.decode(key.subarray(at + 2, at + 2 + length)));
    at += 2 + length;
  }
  return parts;
}
