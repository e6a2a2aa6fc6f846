// The bounds of a discovery, each with its unit. Nothing here may be exceeded silently: what falls outside is listed as skipped.

/** Source files that one discovery reads, over all languages. */
export const MAX_FILES = 20_000;
/** Bytes of one source or configuration file. */
export const MAX_FILE_BYTES = 1_048_576;
/** Bytes of all source files together. */
export const MAX_TOTAL_BYTES = 268_435_456;
/** Levels of folders below the project folder. */
export const MAX_DEPTH_FOLDERS = 32;
/** Entries of folders that the walk looks at. */
export const MAX_ENTRIES = 500_000;
/** Levels of one expression that are looked at; deeper parts count as unreadable. */
export const MAX_EXPRESSION_LEVELS = 24;
/** Names followed from one to the next: imports, re-exports, aliases, base classes. */
export const MAX_HOPS = 16;
/** Characters of a source expression shown to the user. */
export const MAX_TEXT_CHARS = 80;
/** Characters of a tool name or an agent id. */
export const MAX_NAME_CHARS = 256;
/** Assignments to one name in one file that are told apart. */
export const MAX_BINDINGS = 1_000;
