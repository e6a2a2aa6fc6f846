// Blocks of named entries, of the top level and of agents: from the concrete tree to the syntax tree. Which entries a
// block may have, and what they mean, is the table's in blocks.ts and is asked by check; nothing is left out here.
import type { CstNode, IToken } from "chevrotain";
import type { Block, BlockEntry, Value } from "../ast.ts";
import { isBlockKeyword } from "../blocks.ts";
import { child, children, must, type Reader, token, tokens } from "./tree.ts";
import { readLiteral, readName, readValue } from "./value.ts";

/** Tokens that a block may begin with. */
const keywordTokens = ["TopBlock", "NamedBlock", "PlainBlock", "Delegate", "Alert", "Trust", "Manifest"];

export function readBlock(reader: Reader, node: CstNode): Block {
  const at = must(
    keywordTokens.map((name) => token(node, name)).find((found) => found !== undefined),
    "a keyword",
  );
  const keyword = at.image;
  if (!isBlockKeyword(keyword)) throw new Error(`\`${keyword}\` begins no block`);
  const keywordSpan = reader.ofToken(at);
  const span = reader.ofNode(node);
  if (keyword === "manifest") return { keyword, keywordSpan, ...readManifest(reader, node), span };
  const named = child(node, "bareName") ?? child(node, "delegateTarget");
  const name = named === undefined || !hasName(named) ? null : readName(reader, named);
  return {
    keyword,
    keywordSpan,
    name: name?.text ?? null,
    nameSpan: name?.span ?? keywordSpan,
    entries: readEntries(reader, node),
    span,
  };
}

/** A delegation's target may be left out. */
function hasName(node: CstNode): boolean {
  return token(node, "Run") !== undefined || token(node, "Text") !== undefined;
}

function readEntries(reader: Reader, node: CstNode): BlockEntry[] {
  const body = child(node, "looseBlock") ?? node;
  const statements = ["looseField", "alertField", "trustField"].flatMap((name) => children(body, name));
  return statements.flatMap((statement) => (statement.recoveredNode ? [] : (readEntry(reader, statement) ?? [])));
}

function readEntry(reader: Reader, statement: CstNode): BlockEntry | null {
  const entry = child(statement, "looseEntry");
  if (entry !== undefined) return readLoose(reader, entry);
  const events = child(statement, "alertEvents");
  if (events !== undefined) return readEvents(reader, events);
  const key = token(statement, "Key");
  return key === undefined ? null : readKey(reader, statement, key);
}

function readLoose(reader: Reader, node: CstNode): BlockEntry {
  const name = must(token(node, "Word"), "a field's name");
  const loose = must(child(node, "looseValue"), "a value");
  const [first, ...bare] = children(loose, "value").map((value) => readValue(reader, value));
  const quoted = tokens(loose, "Text").map((text) => readLiteral(reader, "Text", text));
  return entryOf(reader, name, [must(first, "a value"), ...quoted, ...bare], node);
}

function entryOf(reader: Reader, name: IToken, values: readonly Value[], node: CstNode): BlockEntry {
  return { name: name.image, nameSpan: reader.ofToken(name), values, span: reader.ofNode(node) };
}

/** `on: [deny, defer]`, `on deny defer`. */
function readEvents(reader: Reader, node: CstNode): BlockEntry {
  const name = must(token(node, "On"), "`on`");
  const list = child(node, "list");
  if (list !== undefined) {
    const value = readValue(reader, node);
    return entryOf(reader, name, [value], node);
  }
  const values = children(node, "alertEvent").map((event): Value => {
    const text = token(event, "Text");
    if (text !== undefined) return readLiteral(reader, "Text", text);
    const word = must(token(event, "Effect") ?? token(event, "AlertEvent"), "an event");
    return { kind: "word", value: word.image, span: reader.ofToken(word) };
  });
  return entryOf(reader, name, values, node);
}

/** `key "registry" ed25519:…`. */
function readKey(reader: Reader, node: CstNode, key: IToken): BlockEntry {
  const registry = readLiteral(reader, "Text", must(token(node, "Text"), "a registry"));
  const material = readName(reader, must(child(node, "keyMaterial"), "a key"));
  const values: Value[] = [registry, { kind: "string", value: material.text, span: material.span }];
  const span = { ...reader.ofToken(key), end: material.span.end };
  return { name: "key", nameSpan: reader.ofToken(key), values, span };
}

/** `manifest orchestrator o undeclared deny`, `manifest grant o to a max 5 approval`: each word and what follows it. */
function readManifest(reader: Reader, node: CstNode): Pick<Block, "name" | "nameSpan" | "entries"> {
  const [first, second] = children(node, "bareName").map((name): Value => {
    const { text, span } = readName(reader, name);
    return { kind: "string", value: text, span };
  });
  const found = (name: string): IToken | undefined => token(node, name);
  const entry = (word: IToken | undefined, value: Value | undefined): BlockEntry[] => {
    if (word === undefined || value === undefined) return [];
    const nameSpan = reader.ofToken(word);
    return [{ name: word.image, nameSpan, values: [value], span: { ...nameSpan, end: value.span.end } }];
  };
  const effect = found("Effect");
  const max = found("Quantity");
  const approval = found("Approval");
  const head = must(found("Orchestrator") ?? found("Grant"), "a word");
  const entries = [
    ...entry(head, first),
    ...entry(found("Undeclared"), effect && { kind: "word", value: effect.image, span: reader.ofToken(effect) }),
    ...entry(found("To"), second),
    ...entry(found("Max"), max && readLiteral(reader, "Quantity", max)),
    ...entry(approval, approval && { kind: "bool", value: true, span: reader.ofToken(approval) }),
  ];
  return { name: head.image, nameSpan: reader.ofToken(head), entries };
}
