// The sinks of the policy in force: providers that take records. Each goes through the log at its own pace; one that is down holds up
// neither the others nor any decision.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import { nodeDisk } from "../disk.ts";
import type { Ledger } from "../ledger.ts";
import type { Providers } from "../providers/providers.ts";
import { Sink } from "./sink.ts";

export interface SinksAround {
  readonly ledger: Ledger;
  readonly providers: Providers;
  readonly journal: Logger;
  readonly walDir: string;
  /** `.faramesh/sinks`: made when there is a sink. */
  readonly dir: string;
}

export class Sinks {
  readonly #around: SinksAround;
  readonly #sinks = new Map<string, Sink>();
  #isClosed = false;

  constructor(around: SinksAround) {
    this.#around = around;
  }

  notices(): readonly string[] {
    return [...this.#sinks.values()].flatMap((sink) => sink.notices());
  }

  /** Call about once a second, and when another policy is in force. */
  tick(): void {
    if (this.#isClosed) return;
    const wanted = new Map(this.#around.providers.sinks().map((one) => [one.name, one]));
    for (const [name, sink] of this.#sinks) {
      if (wanted.has(name)) {
        sink.tick();
        continue;
      }
      this.#sinks.delete(name);
      void sink.close();
    }
    for (const { name, isNew } of wanted.values())
      if (!this.#sinks.has(name)) this.#sinks.set(name, this.#open(name, isNew));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#sinks.values()].map((sink) => sink.close()));
  }

  /** `isNew`: of what was recorded before it nothing is sent. */
  #open(name: string, isNew: boolean): Sink {
    const { ledger, providers, journal, walDir, dir } = this.#around;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const around = {
      name,
      keeper: () => providers.sinks().find((one) => one.name === name)?.keeper ?? null,
      walDir,
      path: join(dir, `${Buffer.from(name).toString("base64url")}.json`),
      disk: nodeDisk,
      journal,
      durable: (seq: number) => ledger.durable(seq),
      lastSeq: () => ledger.log.lastSeq,
    };
    return new Sink(around, isNew ? ledger.log.lastSeq : 0);
  }
}
