import subprocess
import sys

import pytest

from fer.benchmark import benchmark, check
from fer.config import compose_config
from fer.errors import UserError

SMALL = [
    "data=synthetic",
    "data.synthetic.train=140",
    "data.synthetic.val=35",
    "data.synthetic.test=35",
    "data.batch_size=35",
]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("columns=[ceiling,torch]", "columns: no 'torch'; there are ceiling, whole, default, keras"),
        ("columns=[whole]", "columns: ceiling must be one of them"),
        ("columns=whole", "columns=whole: expected a list such as [ceiling,whole]"),
        ("growth=size", "growth=size: expected one of batch_size, threads, width, data, null"),
        ("rounds=0", "rounds=0: expected a positive integer"),
        ("warmup_steps=0", "warmup_steps=0"),
        ("steps=1.5", "steps=1.5"),
        ("seconds=0", "seconds=0: expected a number > 0"),
        ("seconds=long", "seconds=long"),
        ("seconds=null", "seconds=None"),
        ("trainer.accumulate_grad_batches=2", "trainer.accumulate_grad_batches=2"),
        ("resume=runs/x", "resume=runs/x"),
    ],
)
def test_options_that_cannot_be_measured_are_one_clear_line(override, words):
    with pytest.raises(UserError) as error:
        check(compose_config([override], name="benchmark"))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["scheduler=plateau"], "scheduler=plateau"),
        (["trainer.precision=64-true"], "trainer.precision=64-true"),
        (["data.batch_size=141"], "the training split has 140 images"),
        (["growth=width", "values.width=[wide]"], "values.width"),
    ],
)
def test_what_turns_out_unsuited_is_one_clear_line(overrides, words, tmp_path):
    with pytest.raises(UserError, match=words.replace(".", r"\.")):
        benchmark(compose_config([*SMALL, *overrides, f"output_dir={tmp_path}"], name="benchmark"))


def test_an_unknown_column_ends_in_one_line_before_anything_heavy_is_loaded():
    code = (
        "import sys, fer.benchmark as b; sys.argv[1:] = ['columns=[fast]']; b.config.run_command(b.main, 'benchmark')"
    )
    watch = f"import atexit, sys; atexit.register(lambda: print('torch' in sys.modules)); {code}"
    result = subprocess.run([sys.executable, "-c", watch], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr == "error: columns: no 'fast'; there are ceiling, whole, default, keras\n"
    assert result.stdout.strip() == "False"
