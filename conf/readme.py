"""Writes conf/README.md: one line for every choice of every group, from the first comment of its YAML file.

python conf/readme.py
"""

import re
from pathlib import Path

CONF = Path(__file__).resolve().parent
HEAD = """# Options

`python -m fer.train` composes its config from one choice in most folders here; `train.yaml` names the defaults.

| typed | effect |
| --- | --- |
| `optimizer=adam` | takes `optimizer/adam.yaml` in place of the default choice |
| `optimizer.lr=0.01` | sets one key |
| `+callbacks.mine._target_=mymodule.Mine` | adds a key that no file lists |
| `~augment.jitter` | removes a key |
| `-m optimizer=sgd,adam seed=0,1,2` | runs all combinations |
| `--cfg job` | prints the composed config and stops; `--help` lists groups and keys |

Quote what a shell would change: `'model.blocks=[[32],[64,64]]'`, `'labels.merge={disgust: angry}'`. With
`--config-dir myconf`, `model=mynet` also finds `myconf/model/mynet.yaml`, and so for every group. Hydra writes no files
here: a run keeps its config in `config.yaml`.

`experiment=pocket` takes `experiment/recipe/pocket.yaml`: the folders `recipe/` and `study/` need not be typed.
"""


def first_comment(path: Path) -> str:
    """Returns the first sentence of a YAML file's leading comment, without directives of Hydra."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#") or line.startswith("#   "):
            break
        if not line.startswith("# @package"):
            lines.append(line.lstrip("# "))
    text = " ".join(lines).strip()
    return re.split(r"(?<!\bet al)\. ", text)[0].rstrip(".")


def choices(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.yaml"), key=lambda path: path.relative_to(folder).parts)


def readme() -> str:
    parts = [HEAD]
    for folder in sorted(path for path in CONF.iterdir() if path.is_dir() and choices(path)):
        if folder.name == "experiment":
            parts.append(section("experiment: recipes, one run each", folder / "recipe"))
            parts.append(section("experiment: studies, a grid with -m", folder / "study"))
        else:
            parts.append(section(folder.name, folder))
    return "\n".join(parts)


def section(title: str, folder: Path) -> str:
    names = {path.relative_to(folder).with_suffix("").as_posix(): path for path in choices(folder)}
    rows = [f"| `{name}` | {first_comment(path)} |" for name, path in names.items()]
    return "\n".join([f"## {title}\n", "| choice | what it is |", "| --- | --- |", *rows, ""])


if __name__ == "__main__":
    (CONF / "README.md").write_text(readme(), encoding="utf-8")
    print(f"wrote {CONF / 'README.md'}")
