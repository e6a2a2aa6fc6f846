// One try to tell one alert. Mail goes to the server that the daemon's environment names, over a connection that is encrypted before
// anything is said, to an address that was checked like any other.
import type { JsonObject } from "../json.ts";
import { addressesOf } from "../outgoing/address.ts";
import { plainly, within } from "../outgoing/checked.ts";
import { post, postTimeoutMs } from "../outgoing/post.ts";
import { mailOf, messageOf, type Target } from "./target.ts";

export interface Told {
  readonly id: string;
  readonly alert: JsonObject;
  /** Signs webhooks; empty: they go unsigned. */
  readonly secret: string;
  readonly nowSeconds: number;
  readonly allowPrivate: boolean;
}

/** Null when it was taken; else why not. Never rejects. */
export async function deliver(target: Target, told: Told): Promise<string | null> {
  const { id, alert, secret, nowSeconds, allowPrivate } = told;
  if (target.form === "email") return mailed(target, told);
  return post({ url: target.url, ...messageOf(target, id, alert, secret, nowSeconds), allowPrivate });
}

async function mailed(
  target: Extract<Target, { form: "email" }>,
  { id, alert, allowPrivate }: Told,
): Promise<string | null> {
  const url = new URL(target.url);
  const isTls = url.protocol === "smtps:";
  try {
    return await within(postTimeoutMs, async (signal) => {
      const addresses = await addressesOf(url.hostname, allowPrivate);
      const [first] = addresses ?? [];
      if (first === undefined) return "its address is private";
      const { createTransport } = await import("nodemailer");
      const transport = createTransport({
        host: first.address,
        port: url.port === "" ? (isTls ? 465 : 587) : Number(url.port),
        secure: isTls,
        // Else a password and what agents do would go in the clear to whoever answers.
        requireTLS: !isTls && !allowPrivate,
        tls: { servername: url.hostname },
        ...(url.username === ""
          ? {}
          : { auth: { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) } }),
        connectionTimeout: postTimeoutMs,
        greetingTimeout: postTimeoutMs,
        socketTimeout: postTimeoutMs,
        disableFileAccess: true,
        disableUrlAccess: true,
      });
      signal.addEventListener("abort", () => transport.close(), { once: true });
      try {
        await transport.sendMail({ from: target.from, to: target.to, ...mailOf(id, alert) });
        return null;
      } finally {
        transport.close();
      }
    });
  } catch (error) {
    return plainly(error);
  }
}
