// Which tools a credential covers: said once, for check and for the daemon.

/**
 * Patterns of the tools that the credential `id` covers: each entry of its scope as it stands and below the id; without a
 * scope the id itself and all below it.
 */
export function coveredTools(id: string, scope: readonly string[]): string[] {
  return scope.length === 0 ? [id, `${id}/**`] : scope.flatMap((entry) => [entry, `${id}/${entry}`]);
}
