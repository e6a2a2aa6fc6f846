// Whether this machine counts. The smallest of them is built with STATELESS and does not: what only counters, sessions and phases
// need falls away in it, and whatever would need them is denied.

export const COUNTS: bool = !isDefined(STATELESS);
