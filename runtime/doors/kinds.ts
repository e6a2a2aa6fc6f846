// The doors by which a call can come, in the words of records, explanations and status, and who can go around each. It only names: a
// door's word is set by the door itself, and what a caller says of itself stands behind a slash.

/** `socket/sdk`: the agents' socket, by a caller that says it is the SDK. Nobody verifies what stands behind the slash. */
export const doorWords = [
  "socket",
  "socket/sdk",
  "socket/hook",
  "socket/mcp",
  "http",
  "authzen",
  "mcp",
  "forward-proxy",
  "reverse-proxy",
] as const;

export type Door = (typeof doorWords)[number];

const ofProcess = "code in the agent's process can make the call without asking";

/** Who can go around a door, as a sentence without its end. */
export const doorBypass: Readonly<Record<Door, string>> = {
  socket: "an agent can make the call without asking",
  "socket/sdk": ofProcess,
  "socket/hook": "whoever changes the coding agent's configuration, and what a permitted command starts, does not ask",
  "socket/mcp": "whoever reaches the server itself, or changes the client's configuration, does not ask",
  http: "an agent can make the call without asking",
  authzen: "an agent can make the call without asking",
  mcp: "whoever reaches the server itself does not ask",
  "forward-proxy": "a process with another way to the network does not ask",
  "reverse-proxy": "whoever reaches the service itself does not ask",
};

export function isDoor(word: unknown): word is Door {
  return typeof word === "string" && Object.hasOwn(doorBypass, word);
}
