// One try to tell one alert, in the form that its target takes.
import type { JsonObject } from "../json.ts";
import { post, postTimeoutMs } from "../outgoing/post.ts";
import { sendMail } from "./mail.ts";
import { messageOf, type Target } from "./target.ts";

export interface Told {
  readonly id: string;
  readonly alert: JsonObject;
  /** Signs webhooks; empty: they go unsigned. */
  readonly secret: string;
  readonly nowSeconds: number;
  readonly allowPrivate: boolean;
}

/** Null when it was taken; else why not. Never rejects. */
export async function deliver(target: Target, told: Told, timeoutMs: number = postTimeoutMs): Promise<string | null> {
  const { id, alert, secret, nowSeconds, allowPrivate } = told;
  if (target.form === "email") return sendMail({ target, id, alert, allowPrivate, timeoutMs });
  const message = messageOf(target, id, alert, secret, nowSeconds);
  return post({ url: target.url, ...message, allowPrivate }, timeoutMs);
}
