"""Completes `fer COMMAND …` in bash, zsh and fish."""

from collections.abc import Iterable

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.plugins.completion_plugin import DefaultCompletionPlugin

from fer.config import CONF
from fer.errors import UserError

BASH = """_fer() {
  COMP_WORDBREAKS=${COMP_WORDBREAKS//=}
  local IFS=$'\\n'
  COMPREPLY=($(fer --complete "${COMP_LINE:0:COMP_POINT}" 2>/dev/null))
  [[ ${COMPREPLY[0]} == *[=.] ]] && compopt -o nospace
}
complete -o default -F _fer fer"""
SCRIPTS = {
    "bash": BASH,
    "zsh": f"autoload -Uz bashcompinit && bashcompinit\n{BASH}",
    "fish": "complete -c fer -f -a '(fer --complete (commandline -cp) 2>/dev/null)'",
}
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
