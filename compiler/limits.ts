// Every limit of the language, each in one place with its unit. What exceeds one is an error with a place, never cut off.

export const limits = {
  /** UTF-8 bytes of one source. */
  sourceBytes: 4 * 1024 * 1024,
  /** Rules in a stack, all agents and phases together. */
  rules: 100_000,
  /** Parentheses and brackets open at once. */
  nestedParentheses: 256,
  /** Braces open at once; the language itself needs four. */
  nestedBraces: 32,
  /** Maps and lists open at once in YAML and JSON; a policy needs eight. */
  nestedYaml: 64,
  /** Columns that the structure of YAML may be indented by; bounds the depth of its blocks. */
  yamlIndent: 128,
  /** Words and signs of one YAML file, white space among them; 100,000 rules need 2.4 million. Bounds memory. */
  yamlTokens: 2_500_000,
  /** Operators in one condition; bounds the depth of its tree. */
  conditionOperators: 1_000,
  /** Operators in one condition after which the text is read no further. */
  conditionOperatorsRead: 10_000,
  /** Members of one list. */
  listMembers: 262_144,
  /** UTF-8 bytes of one string. */
  stringBytes: 64 * 1024,
  /** UTF-16 code units of a regular expression. */
  regexLength: 10_000,
  /** UTF-8 bytes of an agent id. */
  agentIdBytes: 256,
  /** Characters of a tool pattern. */
  patternLength: 1_024,
  /** Calls in a rate limit's window. */
  rateCount: 1_000_000,
  /** Shortest and longest window of a rate limit, milliseconds. */
  rateWindowMinMs: 1,
  rateWindowMaxMs: 31 * 24 * 3_600_000,
  /** Longest name that suggestions look at, UTF-16 code units. */
  suggestLength: 64,
  /** Files that a policy brings in, directly and through others. */
  imports: 64,
  /** Files that lead to one another by imports. */
  importDepth: 8,
  /** UTF-8 bytes of all imported files together. */
  importedBytes: 16 * 1024 * 1024,
  /** Packs that lead to one another by `use`. */
  useDepth: 8,
  /** Rules of an agent and of the packs that it brings in, over all agents. */
  linkedRules: 100_000,
  /** Errors reported in one run, after which nothing more is looked for: the rest would mostly repeat them. */
  errorsReported: 50,
  /** Warnings reported in one run; of those beyond only the number is told. */
  warningsReported: 1_000,
} as const;

/** UTF-8 bytes of a text, without making them; a lone surrogate counts as the three of U+FFFD. */
export function utf8Bytes(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    else if (unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      bytes += 4;
      i++;
    } else bytes += 3;
  }
  return bytes;
}
