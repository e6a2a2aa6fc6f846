// Opens policy texts in the machine for tests, and holds the one text that uses every part of an image.
import { sha256 } from "@noble/hashes/sha2.js";
import { compile } from "../../compiler/index.ts";
import {
  type EvaluationRequest,
  type LoadOptions,
  loadPolicySync,
  type Policy,
} from "../../runtime/evaluator/index.ts";
import { HEADER_BYTES, HEADER_DIGEST } from "../../vm/shared/image.ts";

/** Noon of 2024-02-29, UTC, in milliseconds. */
export const noon = Date.UTC(2024, 1, 29, 12);

/** The image of a policy. Throws with its diagnostics when it has an error. */
export function imageOf(text: string): Uint8Array {
  const { image, diagnostics } = compile(text, { file: "governance.fms" });
  if (image === undefined) throw new Error(diagnostics.map((d) => `${d.line}: ${d.code} ${d.message}`).join("; "));
  return image;
}

export function open(text: string, options: LoadOptions = {}): Policy {
  return loadPolicySync(imageOf(text), { state: "volatile", ...options });
}

/** The same image with the digest that fits it. */
export function resealed(image: Uint8Array): Uint8Array {
  image.set(sha256(image.subarray(HEADER_BYTES)), HEADER_DIGEST);
  return image;
}

/** Numbers from 0 to 2^32 - 1, the same for the same seed (xorshift32). */
export function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

export const everyPart = `
runtime { strict_guards = true timezone = "Europe/Berlin" }
agent "pay" {
  default defer
  var cap = 500
  var colours = ["red", "blue", 3, true, nil]
  budget daily { max = $100 daily = $80 max_calls = 50 warn_at = 0.8 cost = amount tools = ["stripe/*"] }
  budget session { max = $20 on_exceed = defer cost = 0.25 }
  rate_limit "stripe/*": 5 per minute
  rate_limit "stripe/*": 20 per hour
  egress { allow ["*.stripe.com", "api.pay.example"] deny evil.stripe.com }
  model_policy { deny ["old-*"] }
  redact stripe/** args: ["card.number", "items[].secret"]
  deny! stripe/wipe
  deny stripe/* if amount > cap reason "too much"
  permit stripe/refund if amount <= cap and currency in ["USD", "EUR"] and not (note contains "secret")
  defer stripe/charge if (lower(currency) == "usd" or len(items) >= 2 + count * 2) and colour in colours
  permit stripe/charge if email matches "^[a-z]+@example\\\\.com$|p.{20}q" and time.hour >= 8 and principal.role == "clerk"
  permit **/read if path starts_with "/srv/" and path ends_with owner and tags contains tag
  permit mail/send if to in allowed and flag and missing == nil and purpose("refund") and -fee < 3
  phase "trial" { duration = "2h" next = "wide" tools = ["payout/*"] rules { permit payout/* if amount < 10 } }
  phase "wide" { duration = "3h" next = "enforce" tools = ["payout/*"] rules { permit payout/* } }
}
agent "desk" {
  default deny
  session { max_duration = 8h idle_timeout = 30m }
  permit note
  phase intake { permit crm/read deny! crm/read if secret }
  phase work { permit crm/* if amount < 10 defer note }
}
agent "past" {
  default permit
  deny bad
  ambient { max_bytes_per_hour = 1mb, max_customers = 3, on_exceed = audit }
  deny a/* if history_tool_count("a/*") >= 3 or session.sum(a/b.n, window=1h) > 5 or deny_count_within(10m) > 4
  defer mail if history_sequence(a/b, "a/**", mail) or history_contains_within("**", 30)
  deny mail if session.count(mail, window=1m) + session.sum(a/b.n) > 3
}
permit help
deny help/* if x != 1
`;

/** Calls that reach every rule of it. */
export const everyCall: readonly EvaluationRequest[] = [
  { agent_id: "nobody", tool_id: "help", model: "old-1" },
  { agent_id: "pay", tool_id: "stripe/wipe", args: {}, model: "old-1" },
  {
    agent_id: "pay",
    tool_id: "stripe/refund",
    args: { amount: 7.5, currency: "EUR", note: "hello", url: "https://evil.example/" },
  },
  { agent_id: "pay", tool_id: "stripe/wipe", args: {} },
  { agent_id: "pay", tool_id: "stripe/refund", args: { amount: 7.5, currency: "EUR", note: "hello" } },
  {
    agent_id: "pay",
    tool_id: "stripe/charge",
    args: { amount: 3, currency: "usd", colour: "red", items: [1, 2, 3], count: 0.5 },
  },
  {
    agent_id: "pay",
    tool_id: "stripe/charge",
    args: { amount: 3, email: "ann@example.com" },
    principal: { role: "clerk" },
  },
  { agent_id: "pay", tool_id: "deep/down/read", args: { path: "/srv/ann", owner: "ann", tags: ["a", "b"], tag: "b" } },
  {
    agent_id: "pay",
    tool_id: "mail/send",
    args: { to: "x", allowed: ["y", "x"], flag: true, fee: 2 },
    purpose: "Refund",
  },
  { agent_id: "pay", tool_id: "payout/go", args: { amount: 5 } },
  { agent_id: "pay", tool_id: "other", args: {} },
  { agent_id: "desk", tool_id: "crm/read", args: { secret: false } },
  { agent_id: "desk", tool_id: "note", args: {} },
  { agent_id: "past", tool_id: "a/b", args: { n: 2.5 } },
  { agent_id: "past", tool_id: "a/c", args: { customer: "c-1", note: "é" } },
  { agent_id: "past", tool_id: "bad", args: {} },
  { agent_id: "past", tool_id: "mail", args: {} },
  { agent_id: "stranger", tool_id: "help", args: {} },
  { agent_id: "stranger", tool_id: "help/me", args: { x: "1" } },
];
