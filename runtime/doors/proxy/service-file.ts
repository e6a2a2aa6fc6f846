// Reads the OpenAPI document of `runtime { http_openapi }`: once, whole, and with its hash, so that the log can say which one held.
import { resolve } from "node:path";
import { nodeDisk, readWhole } from "../../disk.ts";
import { sha256Hex } from "../../log/line.ts";
import { DocumentFailure, documentLimitBytes, type Service, serviceOf } from "./openapi.ts";

export interface ServiceFile {
  readonly service: Service;
  readonly sha256: string;
}

/** `file` against the stack's folder; JSON or YAML. Throws DocumentFailure, whatever is wrong. */
export async function readService(dir: string, file: string): Promise<ServiceFile> {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(
      readWhole(nodeDisk, resolve(dir, file), documentLimitBytes),
    );
  } catch (error) {
    throw new DocumentFailure(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  const { parse } = await import("yaml");
  let document: unknown;
  try {
    // JSON is YAML; a key that is there twice is refused in both.
    document = parse(text, { uniqueKeys: true, maxAliasCount: 100, schema: "core", merge: false });
  } catch (error) {
    const [line = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    throw new DocumentFailure(`${file} is neither JSON nor YAML: ${line}`);
  }
  try {
    return { service: serviceOf(document), sha256: sha256Hex(text) };
  } catch (error) {
    if (error instanceof DocumentFailure) throw new DocumentFailure(`${file}: ${error.message}`);
    throw error;
  }
}
