// One try to send one mail, over a connection of our own to an address that was checked: it is encrypted before anything is said, and
// closed when the time is over, whatever the server does with it. Nothing is said in the clear to a public address, ever.
import type { JsonObject } from "../json.ts";
import { plainly, within } from "../outgoing/checked.ts";
import { bareHost, type Connection, connectionTo } from "../outgoing/connection.ts";
import { mailOf, type Target } from "./target.ts";

/** A server says less than a line of 512 bytes to each command; an EHLO a few dozen lines. */
const responseLimitBytes = 64 * 1024;

export interface Mailing {
  readonly target: Extract<Target, { form: "email" }>;
  readonly id: string;
  readonly alert: JsonObject;
  readonly allowPrivate: boolean;
  /** From the first look-up to the server's word that it has the mail. */
  readonly timeoutMs: number;
}

/** Null when the server took it; else why not, without names and passwords. Never rejects. */
export async function sendMail(mailing: Mailing): Promise<string | null> {
  try {
    return await within(mailing.timeoutMs, (signal) => inTime(mailing, signal));
  } catch (error) {
    return plainly(error);
  }
}

async function inTime(mailing: Mailing, signal: AbortSignal): Promise<string | null> {
  const { target, allowPrivate } = mailing;
  const { hostname, port, protocol } = new URL(target.url);
  const isTls = protocol === "smtps:";
  const place = { host: hostname, port: port === "" ? (isTls ? 465 : 587) : Number(port) };
  const connection = await connectionTo(place, allowPrivate, signal);
  if (typeof connection === "string") return connection;
  const { socket } = connection;
  try {
    await handOver(mailing, connection);
    // With the goodbye that is still to be written.
    socket.destroySoon();
    return null;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function handOver({ target, id, alert, timeoutMs }: Mailing, { socket, isPublic }: Connection): Promise<void> {
  const { createTransport } = await import("nodemailer");
  const { hostname, protocol, username, password } = new URL(target.url);
  const isTls = protocol === "smtps:";
  const user = decodeURIComponent(username);
  const transport = createTransport({
    connection: socket,
    host: bareHost(hostname),
    secure: isTls,
    // Else a password and what agents do would go to whoever takes STARTTLS out of what the server says.
    requireTLS: !isTls && isPublic,
    ...(user === "" ? {} : { auth: { user, pass: decodeURIComponent(password) } }),
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    maxResponseSize: responseLimitBytes,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  try {
    await transport.sendMail({ from: target.from, to: target.to, ...mailOf(id, alert) });
  } finally {
    transport.close();
  }
}
