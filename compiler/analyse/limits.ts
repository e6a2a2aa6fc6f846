// The bounds of exact reasoning, each with its unit. Beyond one of them the answer is "unknown", never a guess. They bound
// work, not time, so that every machine gives the same answer.

/** Nodes of the decision diagrams of one tool, all conditions and rules together. */
export const DIAGRAM_NODES_MAX = 200_000;

/** Steps of combining diagrams for one tool: children of nodes that are looked at. It takes one to two seconds to get there. */
export const DIAGRAM_STEPS_MAX = 10_000_000;

/** Regions of one place in the request. */
export const REGIONS_MAX = 4_096;

/** States in which all text tests of one place are followed together. */
export const TEXT_STATES_MAX = 60_000;

/** Kinds of members of a list that tests tell apart; lists are told apart by which of them they hold. */
export const MEMBER_KINDS_MAX = 8;

/** Longest text or list that is built to reach a length, in code points or members. */
export const LENGTH_MAX = 16_384;

/** Sets of tool names that the patterns of one agent tell apart. */
export const TOOL_CLASSES_MAX = 50_000;

/** States of the machine that tells tool names apart. */
export const TOOL_STATES_MAX = 200_000;

/** Patterns that match, over all sets of tool names. */
export const TOOL_ENTRIES_MAX = 4_000_000;

/** Steps of combining diagrams for a whole policy: what comes after is "unknown". */
export const POLICY_STEPS_MAX = 40_000_000;

/** Ways through a diagram of which calls are tried where an answer hangs on what regions cannot see. */
export const SEARCHED_PATHS_MAX = 8;

/** Calls that are tried of each of them. */
export const PATH_CALLS_MAX = 1_728;

/** Calls that are tried for all asserts of a policy together, or for all that a change may change; one to two seconds. */
export const SEARCH_CALLS_MAX = 30_000;
