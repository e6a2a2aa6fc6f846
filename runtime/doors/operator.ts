// The operator's socket: whoever shows the token is heard, everyone else is refused. It carries lines to the desk and
// back, and must never carry out anything itself.
import { createHash, timingSafeEqual } from "node:crypto";
import type { Socket } from "node:net";
import { viewOf } from "../approvals.ts";
import { type Desk, type House, refusalOf } from "../desk.ts";
import { canonicalJson, type Json, type JsonObject, parseJson } from "../json.ts";
import { type Line, LineConnection, operatorLineLimits } from "./lines.ts";

export const operatorConnectionsMax = 64;

/** Compares in constant time, whatever the length of what is shown. */
export function isToken(shown: Json | undefined, token: string): boolean {
  if (typeof shown !== "string") return false;
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(shown), digest(token));
}

export class OperatorDoor {
  readonly #desk: Desk;
  readonly #house: House;
  readonly #token: string;
  readonly #connections = new Set<LineConnection>();

  constructor(desk: Desk, house: House, token: string) {
    this.#desk = desk;
    this.#house = house;
    this.#token = token;
  }

  accept(socket: Socket): void {
    const connection = new LineConnection(socket, operatorLineLimits, {
      onLine: (line, from) => this.#onLine(line, from),
      onClose: (closed) => this.#connections.delete(closed),
    });
    this.#connections.add(connection);
  }

  /** Ends every connection when its answers are out. */
  finish(): void {
    for (const connection of this.#connections) connection.finish();
  }

  destroy(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  async #onLine(line: Line, connection: LineConnection): Promise<string> {
    if (line.kind === "too long") return text(refusalOf("BAD_REQUEST", "the line is too long"));
    const parsed = parseJson(line.bytes, { sizeBytes: operatorLineLimits.lineBytes });
    if (!parsed.ok) return text(refusalOf("BAD_REQUEST", parsed.message));
    const message = parsed.value;
    if (typeof message !== "object" || message === null || Array.isArray(message)) {
      return text(refusalOf("BAD_REQUEST", "a request is an object"));
    }
    const { type, token } = message as JsonObject;
    if (!isToken(token, this.#token)) {
      this.#house.journal.warn("an operator's request came without the right token");
      return text(refusalOf("UNAUTHORIZED", "the operator's token is missing or wrong"));
    }
    if (typeof type !== "string") return text(refusalOf("BAD_REQUEST", "`type` is missing"));
    if (type === "approvals_watch") return this.#watch(connection);
    return text(await this.#desk.handle(type, message as JsonObject));
  }

  #watch(connection: LineConnection): string {
    const { approvals, ledger } = this.#house.governor;
    connection.openStream();
    const stop = approvals.onChange((event) => {
      if (connection.closed || !connection.send(text(event))) stop();
    });
    const { wallUs } = ledger.clock.now();
    const views = approvals.list().map((approval) => viewOf(approval, wallUs));
    return text({ ok: true, approvals: views.filter(({ status }) => status === "pending") });
  }
}

/** Canonical, because stored arguments hold numbers that only their text can tell. */
function text(answer: object): string {
  return canonicalJson(answer as Json);
}
