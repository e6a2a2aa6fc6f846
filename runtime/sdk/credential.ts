// The secret that came with a permit, on its way to the tool that needs it. It is bound to the arguments of that one call, so that it
// goes when they go, and is found by nobody who does not hold them.

export interface Credential {
  /** As the policy names it. */
  readonly id: string;
  /** By the name that its provider gives it. A Map, which no logger prints by chance. */
  readonly values: ReadonlyMap<string, string>;
  /** RFC 3339; null where nobody said. */
  readonly expiresAt: string | null;
  /** In dev mode, where nobody has the secret: there are no values. */
  readonly isStub: boolean;
}

const byArguments = new WeakMap<object, Credential>();

/**
 * Inside a governed tool: the secret of this call, by the very object of arguments that the tool was called with. Undefined where the
 * policy has none for it.
 */
export function credentialOf(args: object): Credential | undefined {
  return byArguments.get(args);
}

export function bindCredential(args: object, credential: Credential): void {
  byArguments.set(args, credential);
}
