// What the daemon holds while it decides: the log, the policy in force, and the state that the log makes. Names alone: it carries out nothing.
import type { Logger } from "pino";
import type { Actions } from "./actions.ts";
import type { Approvals } from "./approvals.ts";
import type { CallTable } from "./calls.ts";
import type { Progress } from "./completion.ts";
import type { Feeds } from "./feeds.ts";
import type { Grants } from "./grants.ts";
import type { Holds } from "./holds.ts";
import type { Identities } from "./identities/identities.ts";
import type { Ledger } from "./ledger.ts";
import type { Policies } from "./policy.ts";
import type { Prices } from "./prices/prices.ts";
import type { Quotes } from "./prices/quotes.ts";
import type { Broker } from "./providers/broker.ts";
import type { Providers } from "./providers/providers.ts";
import type { Selectors } from "./selectors/selectors.ts";
import type { DaemonState } from "./stack.ts";
import type { SpanExporter } from "./telemetry/exporter.ts";
import type { Tokens } from "./tokens.ts";

export interface Governor {
  readonly ledger: Ledger;
  readonly policies: Policies;
  readonly approvals: Approvals;
  readonly calls: CallTable;
  readonly grants: Grants;
  readonly holds: Holds;
  readonly actions: Actions;
  readonly progress: Progress;
  readonly feeds: Feeds;
  readonly tokens: Tokens;
  readonly selectors: Selectors;
  readonly prices: Prices;
  readonly quotes: Quotes;
  readonly providers: Providers;
  readonly identities: Identities;
  readonly broker: Broker;
  /** Null where no collector is configured. */
  readonly spans: SpanExporter | null;
  readonly dev: boolean;
  readonly journal: Logger;
  /** How long an answer waits for its record to be durable. */
  readonly answerDeadlineMs: number;
  state(): DaemonState;
  /** Something of ours broke while a call was judged: what is counted may not be what is recorded, and nothing more may be decided. */
  fault(reason: string): void;
}
