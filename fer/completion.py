"""Completes `fer COMMAND …` in bash, zsh and fish."""

from collections.abc import Iterable

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.plugins.completion_plugin import DefaultCompletionPlugin

from fer.config import CONF
from fer.errors import UserError

BASH = """_fer() {
  local IFS=$'\\n' line=${COMP_LINE:0:COMP_POINT}
  local word=${line##* }
  COMPREPLY=($(fer --complete "$line" 2>/dev/null))
  [[ ${COMPREPLY[0]} == *[=.] ]] && compopt -o nospace
  # where = breaks words, readline keeps what stands before it
  [[ $word == *=* && $COMP_WORDBREAKS == *=* ]] && COMPREPLY=("${COMPREPLY[@]#"${word%=*}="}")
}
complete -o default -F _fer fer"""
ZSH = """_fer() {
  local -a candidates=(${(f)"$(fer --complete "$LBUFFER" 2>/dev/null)"})
  (( $#candidates )) || { _files; return }
  compadd -S '' -- ${(M)candidates:#*[=.]}
  compadd -- ${candidates:#*[=.]}
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _fer fer"""
FISH = """complete -c fer -n '__fish_use_subcommand' -f
complete -c fer -n '__fish_seen_subcommand_from train search eda benchmark' -f
complete -c fer -a '(fer --complete (commandline -cp) 2>/dev/null)'"""
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
HYDRA = ("train", "search", "eda", "benchmark")
"""Commands whose options come from conf/."""


def script(shell: str) -> str:
    """Returns the lines that switch completion on: `eval "$(fer --completion bash)"`. UserError for other shells."""
    if shell not in SCRIPTS:
        raise UserError(f"fer --completion {shell}: expected one of {', '.join(SCRIPTS)}")
    return SCRIPTS[shell]


def following(line: str, commands: Iterable[str]) -> list[str]:
    """Returns the words that may stand at the end of a command line, such as `model=cnn3` for `fer train model=c`."""
    words = line.split(" ")[1:]
    if len(words) < 2:
        return [name for name in commands if name.startswith("".join(words))]
    if words[0] not in HYDRA:
        return []
    loader = ConfigLoaderImpl(create_config_search_path(f"file://{CONF}"))
    return DefaultCompletionPlugin(loader)._query(words[0], " ".join(words[1:]))
