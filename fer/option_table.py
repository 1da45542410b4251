"""One table of every option that is more than a hyperparameter, and of all options at the top of a config.

A hyperparameter changes results, so it is part of a run's name and of its identity; it needs no row. The identity is a
hash by which a run is found again, for example to skip it in a sweep that is repeated. A row says what is different for
an option: `data.root` is a path, so it is in neither the name nor the identity, is left out of exported files, and may
change on resume.
`tests/test_identity.py` fails for a new key of conf/ that would change the identity of earlier runs.
"""

from dataclasses import dataclass
from typing import Any

HASHED, IGNORED, IF_SET = "hashed", "ignored", "hashed if set"
"""How an option enters a run's identity. IF_SET: only where it differs from its default, so that a new key of the
configuration leaves the identity of earlier runs unchanged."""
REMOVED = object()
VARIES, SHARED, SEARCH = "varies", "shared", "search"
"""What an option is to fer.search. VARIES: it may differ between trials. SHARED: it is the same in all trials. SEARCH:
it says how to search, and no trial gets it."""


@dataclass(frozen=True)
class Option:
    """A row of the table. It holds for an option and for all options below it that have no row.

    name: dotted path as typed; `*` stands for one key.

    What kind of option it is:
    group: a folder of `conf/`. none: the choice that `GROUP=null` and `GROUP=false` stand for, if there is one.
    place: a file or folder of this machine. many: a list of paths is allowed. run: a run, so `latest` is allowed.
    free: a mapping whose keys the user chooses. named: the value may also be the name of a mapping that fer knows.
    text: one text, commas included.
    anywhere: it can be typed without `+` although no YAML file lists it.
    owner: the command whose configuration has it; "all": several have.

    What it does to runs:
    names: it is part of a run's name.
    identity: HASHED, IGNORED or IF_SET. fixed: what is hashed instead of an ignored value; REMOVED: nothing is.
    default: the value for IF_SET. before: the value in effect in versions without the option.
    hashed_only: it changes no result, and is hashed only because the first runs hashed it.
    resume: it may change when a run is resumed.
    in_search: VARIES, SHARED or SEARCH. refusal: the reason that fer.search prints when it refuses the option.
    """

    name: str
    group: bool = False
    none: str = ""
    place: bool = False
    many: bool = False
    run: bool = False
    free: bool = False
    named: bool = False
    text: bool = False
    anywhere: bool = False
    owner: str = "train"
    names: bool = True
    identity: str = HASHED
    fixed: Any = REMOVED
    default: Any = None
    before: Any = REMOVED
    hashed_only: bool = False
    resume: bool = False
    in_search: str = VARIES
    refusal: str = ""


def group(name: str, **more: Any) -> Option:
    return Option(name, group=True, **more)


def place(name: str, **more: Any) -> Option:
    """A path: it is not part of a run's name, and no result depends on it."""
    return Option(name, place=True, names=False, identity=IGNORED, **more)


def without_effect(name: str, **more: Any) -> Option:
    """An option on which no result depends, such as how a command starts or ends."""
    return Option(name, names=False, identity=IGNORED, **more)


def newer(name: str, default: Any = None, **more: Any) -> Option:
    """An option that earlier runs did not have: it enters the identity where it is not `default`."""
    return Option(name, identity=IF_SET, default=default, **more)


FIRST_LOGGERS = {
    "tensorboard": {
        "_target_": "lightning.pytorch.loggers.TensorBoardLogger",
        "save_dir": "",
        "name": "",
        "version": "",
        "default_hp_metric": False,
    },
    "csv": {"_target_": "lightning.pytorch.loggers.CSVLogger", "save_dir": "", "name": "", "version": ""},
}
"""The loggers that the first runs hashed."""

TABLE = (
    # What a run is made of
    group("data", owner="all"),
    group("labels", owner="all"),
    group("augment", owner="all", none="none"),
    group("model"),
    group("loss"),
    group("optimizer"),
    group("scheduler", none="none"),
    group("average", none="none"),
    group("experiment"),
    Option("monitor", in_search=SHARED),
    Option("channels_last"),
    Option("compile"),
    Option("classifier"),
    group("trainer"),
    Option("trainer.accelerator", resume=True),
    Option("trainer.max_epochs", resume=True),
    newer("trainer.min_epochs"),
    newer("trainer.min_steps"),
    newer("trainer.max_time", resume=True),
    newer("trainer.plugins"),
    newer("trainer.gradient_clip_algorithm"),
    newer("trainer.deterministic"),
    newer("trainer.benchmark"),
    newer("trainer.inference_mode", default=True),
    newer("trainer.fast_dev_run", default=False, refusal="it leaves no metrics to compare"),
    newer("trainer.overfit_batches", default=0.0),
    newer("trainer.limit_train_batches"),
    newer("trainer.limit_val_batches"),
    newer("trainer.reload_dataloaders_every_n_epochs", default=0),
    without_effect("trainer.limit_test_batches"),
    without_effect("trainer.limit_predict_batches"),
    without_effect("trainer.logger", resume=True),
    without_effect("trainer.callbacks"),
    without_effect("trainer.enable_checkpointing"),
    without_effect("trainer.enable_progress_bar", resume=True),
    without_effect("trainer.enable_autolog_hparams"),
    without_effect("trainer.profiler", resume=True),
    without_effect("trainer.detect_anomaly", resume=True),
    without_effect("trainer.barebones"),
    without_effect("trainer.model_registry"),
    group("logger", names=False, identity=IGNORED, fixed=FIRST_LOGGERS, none="none"),
    group("callbacks", none="none"),
    Option("callbacks.last", hashed_only=True),
    Option("callbacks.timer._target_", hashed_only=True),
    Option("callbacks.checkpoint._target_", hashed_only=True),
    Option("callbacks.checkpoint.save_last", hashed_only=True),
    Option("labels.votes", before="none", owner="all"),
    Option("data.votes", before="none"),
    Option("trainer.num_nodes", before=1),
    Option("seed", names=False, owner="all", in_search=SEARCH),  # the folder's own name says it
    newer("test", default=True, refusal="no trial reads the test split"),
    newer("data.progressive_resizing", free=True),
    Option("data.eval_batch_size", names=False, identity=IGNORED, fixed=512),  # 512: of the first runs
    newer("data.fold"),
    newer("classifier.layer_decay"),
    newer("classifier.crop", default=44),
    newer("classifier.crop_to", default=48),
    newer("loss.logit_adjustment"),
    newer("classifier.loss.logit_adjustment"),
    newer("labels.soft_weight", default=0.5, owner="all"),
    newer("data.soft_weight", default=0.5),
    Option("labels.merge", free=True, owner="all"),
    Option("data.merge", free=True),
    newer("labels.numbers", free=True, named=True, owner="all"),
    newer("data.numbers", free=True, named=True),
    newer("labels.rename", text=True, owner="all"),
    newer("data.rename", text=True),
    newer("data.columns", text=True),
    newer("data.reader"),
    newer("data.align", default=False),
    newer("model.attention"),
    newer("classifier.model.attention"),
    newer("data.max_pixels", default=150_000_000, names=False),
    Option("data.max_bytes", identity=IGNORED, names=False),
    # Places
    place("data.root", many=True, fixed=None, resume=True, owner="all"),
    place("data.labels", resume=True, owner="all"),  # its content is in the fingerprint
    place("data.held_out", many=True, fixed=None, resume=True, owner="all"),
    place("labels.votes_file", fixed=None, resume=True, owner="all"),
    place("data.votes_file", fixed=None),
    place("labels.soft", many=True, resume=True, owner="all"),  # its content is in the identity
    place("data.soft", many=True),
    # What lies in output_dir is hashed as its name within it.
    place("output_dir", fixed="", owner="all", refusal="each trial has a folder of its own in runs/<study>/"),
    place("resume", run=True, refusal="the same command goes on with the search"),
    place("init_from", run=True),  # its content is in the identity
    place("model.pretrained", anywhere=True),  # a file, or true; its content is in the identity
    place("classifier.model.pretrained"),
    Option("model.freeze", anywhere=True),
    Option("logger.*.save_dir", place=True),
    Option("callbacks.*.dirpath", place=True),
    Option("callbacks.*.path", place=True),
    place("trainer.default_root_dir"),
    Option("logger.*.tracking_uri", names=False, identity=IGNORED),
    place("launcher.submit.submitit_folder"),
    # How commands start
    group("launcher", names=False, identity=IGNORED, in_search=SEARCH),
    without_effect("hydra", owner="all", in_search=SEARCH),
    without_effect("study", in_search=SEARCH),
    without_effect("existing", refusal="the same command goes on with the search"),
    without_effect("retry", in_search=SEARCH),
    without_effect("report", resume=True),
    without_effect("trust", resume=True, text=True),
    Option("prolonged", names=False),  # in the config of a run with more epochs than it was planned for
    without_effect("initial"),  # in the config of a resumed run: the weights that it started from
    without_effect("found"),  # in a stored config: the description of the data
    # Other commands
    without_effect("search", owner="search", group=True, in_search=SEARCH),
    without_effect("search.storage", owner="search"),
    without_effect("search.space", owner="search", free=True),
    group("sampler", names=False, identity=IGNORED, owner="search", in_search=SEARCH),
    group("pruner", names=False, identity=IGNORED, owner="search", in_search=SEARCH, none="none"),
    place("suspicious", owner="eda"),
    without_effect("near", owner="eda"),
    without_effect("faces", owner="eda"),
    without_effect("check", owner="eda"),
    without_effect("columns", owner="benchmark"),
    without_effect("rounds", owner="benchmark"),
    without_effect("seconds", owner="benchmark"),
    without_effect("steps", owner="benchmark"),
    without_effect("warmup_steps", owner="benchmark"),
    without_effect("threads", owner="benchmark"),
    without_effect("growth", owner="benchmark"),
    without_effect("values", owner="benchmark"),
)
UNKNOWN = Option("*")
"""The row of an option that a YAML of the user adds: a hyperparameter."""
