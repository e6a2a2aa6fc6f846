// Keys with certificates that nobody has signed, for servers of tests.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A key, and its certificate for an address that nobody else has signed. */
export function identity(dir: string, name: string, address: string): { key: Buffer; cert: Buffer } {
  const [key, cert] = [join(dir, `${name}.key`), join(dir, `${name}.pem`)];
  const words = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert];
  const subject = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=IP:${address}`, "-days", "2"];
  execFileSync("openssl", ["req", "-x509", ...words, ...subject], { stdio: "ignore" });
  return { key: readFileSync(key), cert: readFileSync(cert) };
}
