// Scripts by which shells complete `faramesh`, from the usages that stand in the commands themselves. Pure: it writes text, and the
// scripts run nothing of ours while somebody types.
import type { Definition } from "clipanion";

export type Shell = "bash" | "zsh" | "fish";

interface Choice {
  readonly word: string;
  readonly says: string;
}

/** What may follow the words of a command: further words of commands, and the options of the command that they name. */
interface Place {
  /** " approvals grants": each word with a space before it; empty at the beginning. */
  readonly typed: string;
  readonly words: readonly Choice[];
  readonly options: readonly Choice[];
}

const scripts: Readonly<Record<Shell, (places: readonly Place[]) => string>> = { bash, zsh, fish };

export function completionScript(shell: Shell, definitions: readonly Definition[]): string {
  return scripts[shell](placesOf(definitions));
}

function placesOf(definitions: readonly Definition[]): Place[] {
  const places = new Map<string, { words: Map<string, string>; options: Map<string, string> }>();
  const at = (typed: string) => {
    const known = places.get(typed) ?? { words: new Map(), options: new Map() };
    places.set(typed, known);
    return known;
  };
  for (const { path, description, options } of definitions) {
    let typed = "";
    const words = path.split(" ").slice(1);
    for (const [index, word] of words.entries()) {
      const says = index === words.length - 1 ? sentence(description) : "";
      const known = at(typed).words;
      known.set(word, says || (known.get(word) ?? ""));
      typed += ` ${word}`;
    }
    for (const { definition, description: says } of options) {
      at(typed).options.set(/--[a-z-]+/.exec(definition)?.[0] ?? definition, sentence(says));
    }
  }
  return [...places].map(([typed, { words, options }]) => ({
    typed,
    words: choices(words),
    options: choices(options),
  }));
}

function choices(map: ReadonlyMap<string, string>): Choice[] {
  return [...map].map(([word, says]) => ({ word, says })).sort((a, b) => (a.word < b.word ? -1 : 1));
}

function sentence(text: string | undefined): string {
  return (text ?? "").trim().replace(/\s+/g, " ");
}

/** The words typed so far, as far as they name commands: values of options between them name none. */
function prefixes(places: readonly Place[]): string[] {
  return places.map(({ typed }) => typed).filter((typed) => typed !== "");
}

/** The rest of a loop over the words before the cursor, in bash and zsh alike: `typed` grows by each that names a command. */
function chosen(places: readonly Place[], cases: readonly string[]): string {
  return `    case "$typed $word" in
      ${prefixes(places).map(quoted).join(" | ")}) typed="$typed $word" ;;
    esac
  done
  case "$typed" in
${cases.join("\n")}
  esac`;
}

function bash(places: readonly Place[]): string {
  const cases = places.map(({ typed, words, options }) => {
    const list = (all: readonly Choice[]): string => all.map(({ word }) => word).join(" ");
    return `    ${quoted(typed)}) words=${quoted(list(words))} options=${quoted(list(options))} ;;`;
  });
  return `# Completion of faramesh for bash: source it from ~/.bashrc.
_faramesh() {
  local typed="" words="" options="" word i
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}"
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
${chosen(places, cases)}
  if [ "$before" = "--format" ]; then
    COMPREPLY=($(compgen -W "text json" -- "$current"))
  elif [[ "$current" == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  elif [[ "$before" != --* ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  fi
}
complete -o default -F _faramesh faramesh
`;
}

function zsh(places: readonly Place[]): string {
  // _describe takes "word:description"; a colon of the word itself would be escaped, and no word has one.
  const list = (all: readonly Choice[]): string => all.map(({ word, says }) => quoted(`${word}:${says}`)).join(" ");
  const cases = places.map(
    ({ typed, words, options }) =>
      `    ${quoted(typed)})\n      list=(${list(words)})\n      options=(${list(options)})\n      ;;`,
  );
  return `#compdef faramesh
# Completion of faramesh for zsh: save it as _faramesh in a folder of $fpath, or source it after compinit.
_faramesh() {
  local typed="" word
  local -a list options
  for word in "\${(@)words[2,CURRENT-1]}"; do
${chosen(places, cases)}
  if [[ "\${words[CURRENT-1]}" == --format ]]; then
    compadd text json
  elif [[ "\${words[CURRENT]}" == -* ]]; then
    _describe -o option options
  elif [[ "\${words[CURRENT-1]}" == --* || \${#list} -eq 0 ]]; then
    _files
  else
    _describe command list
  fi
}
if [[ "\${funcstack[1]}" == _faramesh ]]; then
  _faramesh "$@"
else
  compdef _faramesh faramesh
fi
`;
}

function fish(places: readonly Place[]): string {
  const lines = places.flatMap(({ typed, words, options }) => {
    const when = `-n ${fishQuoted(`__faramesh_at ${fishQuoted(typed)}`)}`;
    return [
      ...words.map(({ word, says }) => `complete -c faramesh ${when} -f -a ${word} -d ${fishQuoted(says)}`),
      ...options.map(({ word, says }) => {
        const value = word === "--format" ? " -x -a 'text json'" : "";
        return `complete -c faramesh ${when} -l ${word.slice(2)}${value} -d ${fishQuoted(says)}`;
      }),
    ];
  });
  return `# Completion of faramesh for fish: save it as ~/.config/fish/completions/faramesh.fish.
function __faramesh_at
  set -l typed ""
  for word in (commandline -opc)[2..-1]
    if contains -- "$typed $word" ${prefixes(places).map(fishQuoted).join(" ")}
      set typed "$typed $word"
    end
  end
  test "$typed" = "$argv[1]"
end
${lines.join("\n")}
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
