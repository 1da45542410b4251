"""Every command that we print or write down does what it says when it is typed.

In one process: each is split as bash and zsh split it, and its options compose or parse. As processes (mark `typed`):
one of each kind, in bash and, where a shell could differ, in zsh.
"""

import importlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from PIL import Image

from fer import commandline, config, naming, places, run_folders, runs, validation
from fer.evaluation import records
from fer.exporting import formats
from fer.training import closing

ROOT = Path(__file__).parents[1]
HYDRA = ("train", "search", "eda", "benchmark")
COMMAND = re.compile(r"\s*(?:#\s*)?(?P<line>(?:\w+=\S+ )*(?:curl .*\| )?(?:python|torchrun) .*-m fer\..*)")
NOT_RUN = {
    "torchrun": "needs several nodes",
    "sbatch": "needs SLURM",
    "createdb": "needs PostgreSQL",
    "docker": "needs docker",
    "curl": "needs a server or a URL",
    "make": "tested by .ci/run itself",
    "tensorboard": "serves until it is stopped",
    "source": "a shell's own",
    "pip": "needs a network",
    "git": "needs a network",
}
"""Words that begin lines of README which are not tried here, and why."""
PLACEHOLDERS = {"…": "what stands for a value", "ANOTHER": "a second run"}


def blocks(path: Path, language: str = r"\w*") -> list[str]:
    """The fenced blocks of a Markdown file."""
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def documented() -> dict[str, set[str]]:
    """Every command that is written down -> where."""
    found: dict[str, set[str]] = {}
    texts = {path: path.read_text() for path in [*ROOT.glob("conf/**/*.yaml"), *ROOT.glob("fer/*.py")]}
    texts |= {path: "\n".join(blocks(path)) for path in [ROOT / "README.md", *ROOT.glob("fer/*/README.md")]}
    for path, text in texts.items():
        for line in text.splitlines():
            if match := COMMAND.fullmatch(line):
                found.setdefault(match["line"].strip(), set()).add(str(path.relative_to(ROOT)))
    return found


DOCUMENTED = documented()


def test_there_are_commands_of_every_kind():
    places = set().union(*DOCUMENTED.values())
    assert {"README.md", "conf/train.yaml", "conf/experiment/recipe/pocket.yaml", "fer/predict.py"} <= places
    assert len(DOCUMENTED) > 80


def test_every_line_of_readme_is_a_command_that_is_tried_or_has_its_reason():
    blocks = re.findall(r"^```\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines() if re.match(r"[a-z]+ ", line)]
    unknown = [line for line in lines if line not in DOCUMENTED and line.split()[0] not in NOT_RUN]
    assert not [line for line in unknown if not re.match(r"fer/|  ", line)]


def arguments(line: str) -> tuple[str, list[str]]:
    """(the command of fer, its arguments) of a line."""
    words = shlex.split(line.replace("$(openssl rand -hex 16)", "secret"), comments=True)
    start = words.index("-m", 1) if words[0] != "torchrun" else [i for i, word in enumerate(words) if word == "-m"][-1]
    module = words[start + 1].removeprefix("fer.")
    return module, [word for word in words[start + 2 :] if word != "|"]


def shells() -> list[str]:
    there = [shell for shell in ("bash", "zsh") if shutil.which(shell)]
    required = os.environ.get("FER_REQUIRE", "").replace(",", " ").split()
    assert not {"bash", "zsh"} & set(required) - set(there)
    return there


def split_by(shell: str, lines: list[str], folder: Path) -> list[list[str]]:
    """The words that a shell makes of each line, in an empty folder."""
    script = "\n".join(f"printf '%s\\0' {line}; printf '\\n\\0'" for line in lines)
    quiet = {"bash": ["bash", "--norc"], "zsh": ["zsh", "-f", "-o", "interactivecomments"]}[shell]
    done = subprocess.run([*quiet, "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    assert not done.stderr, done.stderr
    return [part.split("\0")[:-1] for part in done.stdout.split("\n\0")[:-1]]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_shells_leave_what_is_written_down_as_it_is(shell, tmp_path):
    if shell not in shells():
        pytest.skip(f"no {shell}")
    lines = [line.split("python ", 1)[1] for line in DOCUMENTED if not re.search(r"\||\$\(|--wrap|torchrun", line)]
    lines = [re.sub(r"runs/\w+/\*/seed-0", "RUN", line) for line in lines]  # which the shell is meant to expand
    for line, words in zip(lines, split_by(shell, lines, tmp_path), strict=True):
        expanded = [os.path.expanduser(word) for word in shlex.split(line, comments=True)]
        assert words == expanded


def jobs(words: list[str]) -> list[list[str]]:
    """The overrides of the first and the last job of a sweep, or of the one run; seeds are alike."""
    parser = OverridesParser.create()
    first, last = [], []
    for word in words:
        parsed = parser.parse_override(word)
        values = list(parsed.sweep_string_iterator()) if parsed.is_sweep_override() else [word.partition("=")[2]]
        key = word.partition("=")[0]
        first.append(f"{key}={values[0]}" if "=" in word else word)
        last.append(f"{key}={values[0 if key == 'seed' else -1]}" if "=" in word else word)
    return [first] if first == last else [first, last]


def compose(module: str, typed: list[str]) -> list:
    """The configs that a Hydra command would run; raises what the command would say."""
    ready = commandline.prepared(typed)
    overrides = [word for word in ready if not word.startswith("-")]
    configs = []
    for job in jobs(overrides):
        cfg = config.compose_config([*job, "output_dir=x"] if module != "benchmark" else job, module)
        validation.check(cfg)
        configs.append(cfg)
    return configs


def accept(module: str, typed: list[str], monkeypatch) -> None:
    """Parses the arguments of a command that is no Hydra command; it does not start."""
    command = importlib.import_module(f"fer.{module}")

    class Started(Exception):
        pass

    def start(*args, **kwargs):
        raise Started

    works = {
        "evaluate": ["evaluate", "merge_opinions"],
        "export": ["export", "page"],
        "webcam": ["watch"],
        "study": ["collect", "index_table"],
        "serve": ["serve"],
    }
    if module == "predict":
        command.parser().parse_args(command.with_default_values(typed))
        return
    for function in works[module]:
        monkeypatch.setattr(command, function, start)
    with pytest.raises(Started):
        command.main(typed)


def of_command(line: str) -> bool:
    return arguments(line)[0] in (*HYDRA, "evaluate", "export", "webcam", "study", "serve", "predict")


@pytest.fixture(autouse=True, scope="module")
def _read_once():
    """Each YAML is parsed once in these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FileConfigSource, "load_config", cache(FileConfigSource.load_config))
        patch.setattr(FileConfigSource, "__hash__", lambda source: hash(source.path))
        patch.setattr(FileConfigSource, "__eq__", lambda source, other: source.path == other.path)
        yield


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty folder in which a run was started."""
    monkeypatch.chdir(tmp_path)
    folder = places.RUNS / "train" / "defaults" / "seed-0"
    folder.mkdir(parents=True)
    places.remember(folder)
    return tmp_path


@pytest.mark.full
@pytest.mark.parametrize("line", [line for line in DOCUMENTED if of_command(line)])
def test_what_is_written_down_is_accepted(line, here, monkeypatch):
    module, typed = arguments(line)
    if module in HYDRA:
        assert compose(module, typed)
    else:
        accept(module, typed, monkeypatch)


@pytest.mark.full
def test_options_in_the_text_of_readme_are_accepted(here):
    """`optimizer.lr=0.05 model.dropout=0.1` between backquotes, here and in the rooms' own READMEs."""
    texts = "\n".join(path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *ROOT.glob("fer/*/README.md")])
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", texts, flags=re.DOTALL | re.M))
    options = [span for span in spans if re.match(r"'?[~+]*[a-z_.]+=[^ =]", span)]
    assert len(options) > 15
    for span in options:
        if not re.search(r"…|\\\||<", span):
            words = shlex.split(span)
            module = "search" if words[0].startswith("search.") else "eda" if words[0].startswith("check") else "train"
            assert compose(module, words)


FOLDERS = ["runs/train/cnn3_sgd/seed-0", "my runs/a,b=c/seed-0", "~x/[1] (2)/é", "it's/$HOME/`a`", "x*y?/{a,b}/#1"]


def printed(folder: Path) -> dict[str, str]:
    """What commands print to type next, about a run in `folder`."""
    record = {"data": {"counts": {}, "origin": "o", "official_split": True}, "epochs": 1, "fit_seconds": 1}
    study = folder.parts[-3] if len(folder.parts) > 2 else "s"
    record |= {"config": OmegaConf.to_container(config.compose_config(["output_dir=x"])) | {"study": study}}
    lines = closing.next_commands(record, folder, events=True)
    following = {"evaluate": next(line for line in lines if "fer.evaluate" in line)}
    studies = [line for line in lines if "fer.study" in line]
    following |= dict(zip(["study"], studies, strict=False))
    resume = commandline.command("fer.train", [commandline.assigned("resume", folder)])
    following["resume"] = resume
    following["finish"] = records.reason_without_predictions(folder, {"status": "interrupted"}).partition(
        "finish it with: "
    )[2]
    following["export"] = formats.next_lines("onnx", folder / "best.onnx")[0]
    return {name: re.sub(r" {4}\(.*\)$", "", line.removeprefix("next: ").strip()) for name, line in following.items()}


@pytest.mark.full
@pytest.mark.parametrize("folder", FOLDERS)
def test_printed_lines_name_the_folder_in_every_shell(folder, here, monkeypatch):
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    lines = printed(place)
    assert {"evaluate", "resume", "finish", "export"} <= set(lines)
    for shell in shells():
        for (name, line), words in zip(lines.items(), split_by(shell, list(lines.values()), here), strict=True):
            assert words == shlex.split(line)
            if name in ("resume", "finish"):
                [cfg] = compose("train", words[3:])
                assert places.run(str(cfg.resume)).samefile(place)
            elif name == "evaluate":
                assert Path(words[-1]) == place
            elif name == "export":
                assert Path(words[-1]) == place / "best.onnx"


def test_a_printed_sweep_or_search_goes_on_in_every_shell(here):
    typed = [
        "~callbacks.early_stopping",
        "labels.merge={disgust: angry}",
        "data.root=[a b.zip,c=d]",
        "model.blocks=[[4]]",
    ]
    line = commandline.command("fer.train", [commandline.as_typed(word) for word in typed], "my conf")
    for shell in shells():
        [words] = split_by(shell, [line], here)
        assert words[3] == "--config-dir=my conf"
        [cfg] = compose("train", words[4:])
        assert list(cfg.data.root) == ["a b.zip", "c=d"]
        assert cfg.labels.merge == {"disgust": "angry"}


# As processes

TINY = (
    "data=synthetic data.synthetic.train=70 data.synthetic.val=35 data.synthetic.test=35 model=cnn "
    "'model.blocks=[[4]]' 'model.head=[8]' callbacks.pictures=null trainer.max_epochs=1"
)


class Shell:
    """Types lines in a folder."""

    def __init__(self, folder: Path):
        self.folder, self.home = folder, folder / "home"
        self.environment = {**os.environ, "OMP_NUM_THREADS": "1", "HOME": str(self.home), "PYTHONPATH": str(ROOT)}
        self.home.mkdir()

    def start(self, line: str, shell: str = "bash") -> subprocess.Popen:
        line = re.sub(r"^python ", f"exec {shlex.quote(sys.executable)} ", line)
        quiet = {"bash": ["bash", "--norc"], "zsh": ["zsh", "-f"]}[shell]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen([*quiet, "-c", line], cwd=self.folder, env=self.environment, **pipes)

    def type(self, line: str, shell: str = "bash", code: int = 0) -> str:
        output, _ = (process := self.start(line, shell)).communicate()
        assert process.returncode == code, f"{line}\n{output}"
        return output


@pytest.fixture(scope="module")
def shell(tmp_path_factory) -> Shell:
    """A folder with a finished run, a picture and a folder of pictures in ~."""
    shell = Shell(tmp_path_factory.mktemp("typed"))
    for emotion in ("happy", "sad"):
        place = shell.home / "pictures" / emotion
        place.mkdir(parents=True)
        for number in range(20):
            pixels = np.random.default_rng(number).integers(0, 256, (48, 48), dtype=np.uint8)
            Image.fromarray(pixels).save(place / f"{number}.png")
    shutil.copy(shell.home / "pictures" / "sad" / "0.png", shell.folder / "photo.png")
    output = shell.type(f"python -m fer.train model=cnn3 optimizer=sgd {TINY}")
    assert re.search(r"writing to runs/train/\w*cnn_sgd_", output)
    return shell


def zsh() -> str:
    if "zsh" not in shells():
        pytest.skip("no zsh")
    return "zsh"


def next_lines(output: str, command: str) -> str:
    """The line that a command printed to go on with."""
    lines = re.findall(rf"(python -m fer\.{command} .*?)(?: {{4}}\(.*)?$", output, re.MULTILINE)
    return lines[-1]


@pytest.mark.typed
def test_the_newest_run_is_evaluated_exported_and_asked(shell):
    output = shell.type("python -m fer.evaluate latest --quick")
    assert "evaluation-val" in output
    output = shell.type("python -m fer.export latest", zsh())
    line = next_lines(output, "predict").replace("PICTURE", "photo.png")
    assert "sad" in shell.type(line, zsh())
    assert "sad" in shell.type("python -m fer.predict photo.png --checkpoint latest --no-detect")


@pytest.mark.typed
@pytest.mark.parametrize("how", ["bash", pytest.param("zsh", marks=pytest.mark.long)])
def test_a_run_that_was_stopped_goes_on_by_the_line_it_printed(shell, how):
    name = zsh() if how == "zsh" else how
    folder = f"runs {how}/model=x,y (1)"
    line = f"python -m fer.train {TINY} trainer.max_epochs=400 callbacks.early_stopping=null 'output_dir={folder}'"
    process = shell.start(line, name)
    while process.poll() is None and not (shell.folder / folder / "checkpoints" / "last.ckpt").exists():
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 128 + signal.SIGINT, output
    again = shell.start(next_lines(output, "train"), name)
    read = ""
    while "resumed after step" not in read and (part := again.stdout.readline()):
        read += part
    again.send_signal(signal.SIGINT)
    again.communicate(timeout=600)
    assert "resumed after step" in read
    latest = shell.start("python -m fer.train resume=latest", name)
    while "resumed after step" not in read.partition("latest")[2] and (part := latest.stdout.readline()):
        read += f"latest{part}"
    latest.send_signal(signal.SIGINT)
    latest.communicate(timeout=600)
    assert re.search(f"latestwriting to .*{re.escape(folder)}", read)


@pytest.mark.typed
@pytest.mark.parametrize("how", ["bash", pytest.param("zsh", marks=pytest.mark.long)])
def test_pictures_at_home_with_classes_that_are_merged(shell, how):
    name = zsh() if how == "zsh" else how
    typed = "python -m fer.train data=folder data.root=~/pictures model=cnn2"
    more = "'~augment.jitter' 'labels.merge={sad: happy}' 'labels.classes=[happy]'"
    output = shell.type(f"{typed} {TINY} data=folder {more}", name, code=2)
    assert "labels.classes=['happy']: expected two or more different classes" in output
    output = shell.type(f"{typed} {TINY} data=folder '~augment.jitter' study={how}", name)
    assert str(shell.home / "pictures") in output


@pytest.mark.typed
@pytest.mark.parametrize("launcher", ["local", pytest.param("parallel", marks=pytest.mark.long)])
def test_a_sweep_its_table_and_the_same_sweep_again(shell, launcher):
    line = f"python -m fer.train -m {TINY} study=sweep_{launcher} launcher={launcher} optimizer=sgd,adam"
    output = shell.type(line)
    place = shell.folder / "runs" / f"sweep_{launcher}"
    assert sorted(path.name for path in place.iterdir() if path.is_dir() and path.name != "logs") == ["adam", "sgd"]
    assert "wrote" in shell.type(next_lines(output, "study"))
    (place / "adam").rename(place / "model-cnn,optimizer-adam")
    output = shell.type(f"{line},rmsprop")
    found = run_folders.inside(place)
    assert sorted(path.parent.name for path in found) == ["model-cnn,optimizer-adam", "rmsprop", "sgd"]
    assert "3 done, 0 failed" in output


@pytest.fixture(scope="module")
def own(shell) -> str:
    """The name of a folder of own configs, with optimizer=mine."""
    folder = shell.folder / "my conf" / "optimizer"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("_target_: torch.optim.SGD\nlr: 0.03\n")
    return "my conf"


@pytest.mark.typed
@pytest.mark.parametrize(
    "launcher", [pytest.param("parallel", marks=pytest.mark.long), pytest.param("slurm_local", marks=pytest.mark.long)]
)
def test_own_configs_reach_the_runs_of_a_sweep(shell, own, launcher):
    if launcher == "slurm_local":
        pytest.importorskip("submitit")
    line = f"python -m fer.train --config-dir '{own}' -m {TINY} study={launcher} optimizer=mine,sgd launcher={launcher}"
    assert "2 done, 0 failed" in shell.type(line)
    folders = list(run_folders.inside(shell.folder / "runs" / launcher))
    assert {runs.read_record(folder)["config"]["optimizer"]["lr"] for folder in folders} == {0.03, 0.01}


@pytest.mark.typed
def test_own_configs_reach_the_trials_of_a_search(shell, own):
    output = shell.type(
        f"python -m fer.search --config-dir='{own}' {TINY} optimizer=mine study=mine search.trials=1 "
        "'search.space={lr: {option: optimizer.lr, choices: [0.02]}}'",
        zsh(),
    )
    best = next_lines(output, "train")
    assert "my conf" in best
    assert "finished" not in shell.type(f"{best} study=best", zsh())


@pytest.mark.typed
def test_what_is_in_the_data(shell):
    output = shell.type("python -m fer.eda data=folder data.root=~/pictures check=true")
    assert str(shell.home / "pictures") not in output or "data.root" in output
    output = shell.type("python -m fer.eda data=synthetic data.synthetic.train=70 near=false")
    assert "data=synthetic" in next_lines(output, "train")


@pytest.mark.typed
def test_a_benchmark(shell):
    output = shell.type(f"python -m fer.benchmark {TINY} 'columns=[ceiling]' rounds=1 seconds=0.05", zsh())
    assert "fer.benchmark" in next_lines(output, "benchmark")


@pytest.mark.typed
def test_a_word_that_a_shell_took_apart_is_answered(shell):
    output = shell.type("python -m fer.train data.root=/my pictures", code=2)
    assert output.count("\n") == 1
    assert shlex.split(output.rpartition("quote it: ")[2]) == ["data.root=/my pictures"]
    assert "is empty" in shell.type("python -m fer.train data.root=$NOTHING", code=2)
    assert "is empty" in shell.type('python -m fer.predict photo.png --checkpoint "$NOTHING"', code=2)


def test_the_name_in_readme_is_that_of_the_command_above_it():
    text = (ROOT / "README.md").read_text()
    assert "python -m fer.train model=cnn3 optimizer=sgd" in text
    name = naming.run_name(["model=cnn3", "optimizer=sgd"])
    assert set(re.findall(r"runs/train/([^/ `]*)/seed-0", text)) <= {name, "defaults"}
