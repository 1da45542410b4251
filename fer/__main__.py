"""All commands under one name: `fer train model=cnn3` is `python -m fer.train model=cnn3`.

fer
fer predict photo.jpg
fer --completion bash
"""

import difflib
import runpy
import sys
from collections.abc import Sequence

COMMANDS = {
    "train": "trains one classifier, or a sweep of them",
    "evaluate": "reports on one classifier, or compares several",
    "study": "turns the runs of a study into tables and figures",
    "search": "searches hyperparameters",
    "eda": "reports on a data set",
    "predict": "recognises expressions in pictures and videos",
    "webcam": "recognises expressions before a camera",
    "serve": "serves a page and an HTTP API",
    "export": "writes a network to one file",
    "benchmark": "measures training speed",
}
"""Commands, each a module of this package, and what they do."""
ANSWER, SCRIPT = "--complete", "--completion"
"""Options for the shell: the words that may follow, and the script that asks for them."""


def usage() -> str:
    """Returns the list of commands."""
    lines = [f"  fer {name:<10} {text}" for name, text in COMMANDS.items()]
    return "\n".join(["Facial expression recognition.", "", *lines, "", "Options of a command: fer COMMAND --help"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command that `arguments` names, by default those of this process; returns the exit code."""
    name, *rest = [*(sys.argv[1:] if arguments is None else arguments), ""]
    if name in ("", "-h", "--help"):
        print(usage())
    elif name in (ANSWER, SCRIPT):
        from fer import completion  # imports Hydra
        from fer.errors import one_line_errors

        with one_line_errors():
            print(completion.script(rest[0]) if name == SCRIPT else "\n".join(completion.following(rest[0], COMMANDS)))
    elif name in COMMANDS:
        sys.argv = [f"fer {name}", *rest[:-1]]
        runpy.run_module(f"fer.{name}", run_name="__main__", alter_sys=True)
    else:
        close = difflib.get_close_matches(name, COMMANDS, n=1)
        guess = f"did you mean fer {close[0]}?" if close else f"expected one of {', '.join(COMMANDS)}"
        print(f"error: fer {name}: no such command; {guess}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
