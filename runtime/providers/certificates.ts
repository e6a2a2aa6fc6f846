// The certificates that a provider is to believe in the place of the system's.
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { ProviderFailure } from "./provider.ts";

/** The file's PEM. Throws ProviderFailure SETTINGS. */
export function certificates(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    throw new ProviderFailure("SETTINGS", "its `ca_file` cannot be read");
  }
  try {
    new X509Certificate(text);
    return text;
  } catch {
    throw new ProviderFailure("SETTINGS", "its `ca_file` holds no certificate in PEM");
  }
}
