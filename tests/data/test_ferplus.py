import shutil
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fer.classifier import Classifier
from fer.config import CONF, compose_config
from fer.data import ferplus_rules
from fer.data.class_choice import choose_classes
from fer.data.datamodule import FERDataModule
from fer.data.emotions import EMOTIONS, USAGES
from fer.data.faces import Faces
from fer.data.fer2013 import read_fer2013
from fer.data.ferplus import relabelled
from fer.data.ferplus_rules import CLASSES
from fer.data.sources import read_faces
from fer.data.splits import SPLITS
from fer.errors import UserError

COLUMNS = ["neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF"]
NAMES = dict(zip(EMOTIONS, ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"], strict=True))
HEADER = ["Usage", "Image name", *COLUMNS]
NONE = {"anger": 4, "fear": 4, "sadness": 2}  # no majority


def write_votes(path: Path, faces, changed=None, unnamed=(), header=HEADER, end="\n") -> Path:
    """Ten votes for the emotion of each face, but for the rows in `changed`: {row: {column: votes}}."""
    lines = [",".join(header)]
    for row, (label, usage) in enumerate(zip(faces.labels, faces.usage, strict=True)):
        votes = (changed or {}).get(row, {NAMES[EMOTIONS[label]]: 10})
        name = "" if row in unnamed else f"fer{row:07}.png"
        fields = {"usage": USAGES[usage], "image name": name}
        fields |= {column.lower(): str(votes.get(column, 0)) for column in COLUMNS}
        lines.append(",".join(fields[column.strip(' "').lower()] for column in header))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(end.join([*lines, ""]).encode())
    return path


@pytest.fixture
def here(tmp_path):
    (tmp_path / "above" / "here").mkdir(parents=True)
    return tmp_path / "above" / "here"


@pytest.fixture
def join(here, faces, write_csv):
    """Writes the faces and their votes side by side and joins them: `join("soft", {0: {"anger": 6, "fear": 4}})`."""

    def build(mode="majority", changed=None, unnamed=(), of=faces, **options):
        write_csv(here / "fer2013.csv", of)
        write_votes(here / "fer2013new.csv", of, changed, unnamed)
        return relabelled(read_fer2013([here]), mode, **options)

    return build


def named(faces) -> list[str]:
    return [faces.classes[label] for label in faces.labels]


def complaint(build, *arguments, **options) -> str:
    """The one line that is raised."""
    with pytest.raises(UserError) as error:
        build(*arguments, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


# the rules


VOTES = st.lists(
    st.lists(st.integers(0, 4) | st.integers(0, 10), min_size=10, max_size=10), min_size=1, max_size=20
).map(np.array)


def rules(votes: list[int], strict: bool) -> tuple[str, list[float]]:
    """What becomes of one row, in plain words: a reason to drop it or "", and its distribution over the emotions."""
    left = [0 if vote == 1 else vote for vote in votes]
    left = left if any(left) else votes
    emotions, total = left[:8], sum(left)
    distribution = [vote / sum(emotions) for vote in emotions] if any(emotions) else [0.0] * 8
    majority = [index for index, vote in enumerate(left) if vote > total / 2]
    if not total or (strict and not majority):
        return "without a majority", distribution
    gone = majority if strict else [index for index, vote in enumerate(left) if vote == max(left)]
    return "not a face" if 9 in gone else "unknown" if 8 in gone else "", distribution


@pytest.mark.full
@settings(max_examples=300, deadline=None)
@given(VOTES, st.booleans())
def test_rules_are_those_of_a_loop(votes, strict):
    counts = ferplus_rules.without_outliers(votes)
    named = np.ones(len(votes), bool)
    reasons = ferplus_rules.reasons(counts, named, np.full(len(votes), strict))
    expected = [rules(row, strict) for row in votes.tolist()]
    assert [("" if reason < 0 else ferplus_rules.REASONS[reason]) for reason in reasons] == [why for why, _ in expected]
    targets = ferplus_rules.distributions(counts)
    assert targets.dtype == np.float32
    np.testing.assert_allclose(targets, [row for _, row in expected], rtol=1e-6)


@settings(max_examples=200, deadline=None)
@given(VOTES)
def test_every_row_with_a_majority_has_it_as_its_plurality(votes):
    counts = ferplus_rules.without_outliers(votes)
    majority = ferplus_rules.majority(counts)
    kept = ferplus_rules.reasons(counts, np.ones(len(votes), bool), np.ones(len(votes), bool)) < 0
    assert (majority[kept] == counts[kept, :8].argmax(1)).all()
    assert (2 * counts[kept, majority[kept]] > counts[kept].sum(1)).all()


@settings(max_examples=200, deadline=None)
@given(VOTES)
def test_soft_labels_keep_every_row_with_a_majority_for_an_emotion(votes):
    counts, named = ferplus_rules.without_outliers(votes), np.ones(len(votes), bool)
    strict, lenient = (ferplus_rules.reasons(counts, named, np.full(len(votes), each)) < 0 for each in (True, False))
    assert not (strict & ~lenient).any()


@settings(max_examples=200, deadline=None)
@given(VOTES, st.data())
def test_rows_without_a_name_always_go(votes, data):
    counts = ferplus_rules.without_outliers(votes)
    named, strict = (np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n))) for n in [len(votes)] * 2)
    gone = ferplus_rules.reasons(counts, named, strict)
    assert (gone[~named] >= 0).all()
    assert (gone[named] == ferplus_rules.reasons(counts, np.ones(len(votes), bool), strict)[named]).all()


def test_a_single_vote_is_no_vote_unless_there_are_only_such():
    assert ferplus_rules.without_outliers(np.array([[5, 1, 4, 0], [1, 1, 0, 1]])).tolist() == [
        [5, 0, 4, 0],
        [1, 1, 0, 1],
    ]


# hard labels


def test_labels_are_those_of_the_majority(join, faces):
    joined = join(changed={0: {"contempt": 6, "anger": 4}, 1: {"NF": 2, "fear": 3}, 2: {"unknown": 4, "sadness": 6}})
    assert joined.classes == CLASSES == (*EMOTIONS, "contempt")
    assert named(joined) == ["contempt", "fear", "sad", *named(faces)[3:]]
    assert np.array_equal(joined.images, faces.images)
    assert joined.targets is None


def test_rows_without_a_label_go_and_are_counted(join, faces):
    changed = {0: NONE, 15: NONE, 1: {"NF": 10}, 2: {"unknown": 6, "anger": 4}, 3: {"anger": 5, "unknown": 5}}
    joined = join(changed=changed, unnamed=[1, 4, 30])
    assert len(joined) == len(faces) - 7
    assert joined.notes == (
        "FER+ (majority): 35 of 42 rows kept; dropped: 1 not a face, 1 unknown, 2 without an image name, "
        "3 without a majority",
    )


@pytest.mark.parametrize("mode", ["majority", "soft"])
@pytest.mark.parametrize("votes", [{}, {"NF": 10}], ids=["no votes", "no faces"])
def test_votes_that_label_nothing_are_an_error(votes, mode, join):
    message = complaint(join, mode, dict.fromkeys(range(42), votes))
    assert "no row with a label (FER+" in message


def test_none_leaves_the_faces_as_they_are(join):
    faces = join("none")
    assert faces.classes == EMOTIONS
    assert faces.targets is None
    assert "FER+" not in faces.layout


def test_the_description_names_the_labels_and_their_file(join, here, monkeypatch):
    monkeypatch.setattr("fer.data.official.COUNTS", np.full((3, 7), 2))
    monkeypatch.setattr("fer.data.official.DISTINCT", 42)
    join()
    module = FERDataModule("fer2013", str(here), votes="majority", classes=EMOTIONS)
    module.setup()
    description = module.description()
    assert description["origin"] == "FER2013 with FER+ labels (majority)"
    assert description["layout"].endswith(" + FER+ fer2013new.csv, majority")
    assert description["path"] == [f"{here}/fer2013.csv", f"{here}/fer2013new.csv"]
    assert description["notes"][0].startswith("FER+ (majority): 42 of 42 rows kept")
    assert description["official_split"]


def test_the_fingerprint_tells_labels_and_their_kind(join, here, faces):
    plain = join("none").stamped().fingerprint
    assert plain == faces.stamped().fingerprint
    kinds = (("majority", 6), ("majority", 7), ("majority", 4), ("soft", 6), ("soft", 7))
    prints = [join(mode, {0: {"anger": share, "fear": 10 - share}}).fingerprint for mode, share in kinds]
    assert prints[0] == prints[1]
    assert len({plain, *prints}) == 5


# soft labels


def test_training_rows_keep_their_distribution(join):
    joined = join("soft", {0: {"anger": 5, "fear": 4, "NF": 1}, 1: {"anger": 4, "contempt": 4, "unknown": 2}})
    assert joined.targets.dtype == np.float32
    np.testing.assert_allclose(joined.targets[0], [5 / 9, 0, 4 / 9, 0, 0, 0, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(joined.targets[1], [0.5, 0, 0, 0, 0, 0, 0, 0.5], rtol=1e-6)
    assert named(joined)[:2] == ["angry", "angry"]  # the first of several
    np.testing.assert_allclose(joined.targets.sum(1), 1, rtol=1e-6)


def test_validation_and_test_hold_rows_with_a_majority_only(join, faces):
    held_out = {15: NONE, 30: NONE, 16: {"unknown": 4, "sadness": 6}, 31: {"unknown": 5, "sadness": 5}}
    joined = join("soft", {0: NONE, 1: {"unknown": 5, "sadness": 5}, 2: {"NF": 10}, **held_out})
    assert (joined.usage == 0).sum() == 12
    assert joined.ids[joined.usage > 0].tolist() == [
        f"{USAGES[faces.usage[row]]}_{row}" for row in range(14, 42) if row not in (15, 30, 31)
    ]
    assert "37 of 42 rows kept; dropped: 1 not a face, 1 unknown, 0 without an image name, 3 without" in joined.notes[0]


def test_both_kinds_are_scored_on_the_same_faces(join):
    changed = {row: NONE if row % 2 else {"anger": 6, "contempt": 4} for row in range(3, 39)}
    hard, soft = join("majority", changed), join("soft", changed)
    for usage in (1, 2):
        assert hard.ids[hard.usage == usage].tolist() == soft.ids[soft.usage == usage].tolist()
        assert hard.labels[hard.usage == usage].tolist() == soft.labels[soft.usage == usage].tolist()
    assert len(hard) < len(soft)


@pytest.mark.parametrize("usage", [[0], [0, 1], [0, 2]])
def test_where_anything_could_be_held_out_every_row_needs_a_majority(usage, join, faces):
    some = faces.take(np.isin(faces.usage, usage))
    assert len(join("soft", {0: NONE, 1: NONE}, of=some)) == len(some) - 2


def test_a_csv_without_usage_is_joined_by_row_alone(here, faces, write_csv):
    write_csv(here / "fer2013.csv", faces, "emotion,pixels")
    write_votes(here / "fer2013new.csv", faces, {0: NONE})
    assert len(relabelled(read_fer2013([here]), "soft")) == 41


# labels.classes and labels.merge


EMOTION_VOTES = st.lists(st.integers(0, 10), min_size=8, max_size=8).filter(any)
DISTRIBUTIONS = st.lists(EMOTION_VOTES, min_size=1, max_size=10).map(np.array)
MERGES = st.dictionaries(st.sampled_from(CLASSES), st.sampled_from([*CLASSES, "negative"]), max_size=3)


@settings(max_examples=200, deadline=None)
@given(DISTRIBUTIONS, MERGES, st.data())
def test_targets_follow_merged_and_chosen_classes(votes, merge, data):
    faces = Faces(
        images=np.zeros((len(votes), 48, 48), np.uint8),
        labels=votes.argmax(1),
        usage=np.zeros(len(votes), np.int8),
        folder=np.zeros(len(votes), np.int8),
        ids=np.arange(len(votes)).astype(str),
        classes=CLASSES,
        layout="made",
        sources=("here",),
        targets=ferplus_rules.distributions(votes),
    )
    names = list(dict.fromkeys(merge.get(name, name) for name in CLASSES))
    classes = data.draw(st.permutations(names))[: data.draw(st.integers(2, len(names)))]
    chosen = choose_classes(faces, classes, merge)
    expected = []
    for row in votes.tolist():
        sums = dict.fromkeys(names, 0)
        for name, count in zip(CLASSES, row, strict=True):
            sums[merge.get(name, name)] += count
        kept = [sums[name] for name in classes]
        if max(kept) == max(sums.values()):
            expected.append((kept.index(max(kept)), [count / sum(kept) for count in kept]))
    assert chosen.classes == tuple(classes)
    assert chosen.labels.tolist() == [label for label, _ in expected]
    np.testing.assert_allclose(chosen.targets, np.reshape([row for _, row in expected], (-1, len(classes))), atol=1e-5)
    assert chosen.targets.dtype == np.float32
    assert chosen.labels.tolist() == chosen.targets.argmax(1).tolist()


def test_hard_labels_follow_merged_and_chosen_classes(join):
    joined = join(changed={0: {"contempt": 10}, 1: {"disgust": 10}, 2: {"anger": 10}})
    chosen = choose_classes(joined, ["happy", "angry", "sad"], {"contempt": "angry", "disgust": "angry"})
    assert chosen.classes == ("happy", "angry", "sad")
    assert named(chosen)[:3] == ["angry", "angry", "angry"]


@pytest.mark.parametrize(
    ("option", "classes"),
    [("ferplus8", CLASSES), ("ferplus7", EMOTIONS)],
)
def test_the_label_sets_are_what_their_names_say(option, classes, join):
    data = compose_config([f"labels={option}", "output_dir=/nowhere"]).data
    assert data.votes == "majority"
    joined = join(changed={0: {"contempt": 10}})
    chosen = choose_classes(joined, data["classes"], data.merge)
    assert chosen.classes == classes
    assert len(chosen) == (42 if "contempt" in classes else 41)


# where the votes lie


@pytest.mark.parametrize("name", ["fer2013new.csv", "FER2013New.CSV"])
@pytest.mark.parametrize("kind", ["", "zip", "gztar"])
def test_votes_are_found_beside_the_csv_and_in_its_archive(kind, name, here, faces, write_csv):
    write_csv(here / "in" / "fer2013.csv", faces)
    write_votes(here / "in" / name, faces, {0: {"fear": 10}})
    root = here
    if kind:
        root = Path(shutil.make_archive(str(here.parent / "packed"), kind, root_dir=here))
    joined = relabelled(read_fer2013([root]), "majority")
    assert named(joined)[0] == "fear"
    assert joined.sources[1].endswith(name)


@pytest.mark.parametrize("kind", ["zip", "gztar"])
def test_votes_are_found_beside_the_archive(kind, here, faces, write_csv, tmp_path):
    write_csv(here / "fer2013.csv", faces)
    archive = shutil.make_archive(str(tmp_path / "data: mine" / "fer2013"), kind, root_dir=here)
    votes = write_votes(Path(archive).parent / "fer2013new.csv", faces)
    assert relabelled(read_fer2013([Path(archive)]), "majority").sources[1] == str(votes)


def test_votes_can_be_named(here, faces, write_csv, tmp_path, monkeypatch):
    write_csv(here / "fer2013.csv", faces)
    write_votes(tmp_path / "else" / "mine.csv", faces, {0: {"fear": 10}})
    monkeypatch.chdir(tmp_path)
    joined = relabelled(read_fer2013([here]), "majority", "else/mine.csv")
    assert named(joined)[0] == "fear"
    assert joined.sources[1] == str(tmp_path / "else" / "mine.csv")


@pytest.mark.parametrize("kind", ["", "zip"])
def test_missing_votes_say_how_to_get_them(kind, here, faces, write_csv):
    write_csv(here / "fer2013.csv", faces)
    root = Path(shutil.make_archive(str(here.parent / "packed"), kind, root_dir=here)) if kind else here
    message = complaint(relabelled, read_fer2013([root]), "majority")
    assert message.startswith("no fer2013new.csv beside ")
    assert "fer2013.csv" in message
    assert "github.com/microsoft/FERPlus" in message
    assert "labels.votes_file=PATH" in message
    absent = complaint(relabelled, read_fer2013([root]), "majority", str(here / "absent.csv"))
    assert f"labels.votes_file: no such file: {here}/absent.csv" in absent


def test_a_file_of_votes_without_their_use_is_an_error(faces):
    assert "labels.votes=majority or soft" in complaint(relabelled, faces, "none", "fer2013new.csv")


def test_an_unknown_kind_is_named(faces):
    assert "labels.votes=hard: expected one of none, majority, soft" in complaint(relabelled, faces, "hard")


def test_faces_that_come_from_no_csv_are_refused(here, faces, write_pictures, write_csv):
    write_pictures(here, faces, "{part}/{emotion}/{usage}_{row}.png")
    write_votes(here / "fer2013new.csv", faces)
    drawn, _ = read_faces("synthetic", synthetic={"train": 14, "val": 7, "test": 7})
    csv = write_csv(here.parent / "fer2013.csv", faces)
    several = read_fer2013([here, csv])
    for each in (read_fer2013([here]), read_faces("folder", str(here))[0], drawn, several):
        message = complaint(relabelled, each, "majority")
        assert "FER+ has a row for each row of fer2013.csv" in message
        assert "data.root=PATH/fer2013.csv" in message


# the join


def test_the_join_goes_by_row_when_bad_rows_are_skipped(here, faces, write_csv):
    lines = write_csv(here / "fer2013.csv", faces).read_text().splitlines()
    bad = (1, 7, 42)
    text = "\n".join("bad" if number in bad else line for number, line in enumerate(lines))
    (here / "fer2013.csv").write_text(text)
    write_votes(here / "fer2013new.csv", faces, {7: {"fear": 10}})
    joined = relabelled(read_fer2013([here], "skip"), "majority", on_bad_row="skip")
    assert named(joined) == [
        "fear" if row == 7 else name for row, name in enumerate(named(faces)) if row + 1 not in bad
    ]


def test_the_first_row_of_another_usage_is_named(join, here, faces):
    join()
    lines = (here / "fer2013new.csv").read_text().splitlines()
    del lines[6]
    (here / "fer2013new.csv").write_text("\n".join([*lines, lines[-1]]))
    message = complaint(relabelled, read_fer2013([here]), "majority")
    assert f"{here}/fer2013new.csv, line 15: Usage 'PublicTest', but {here}/fer2013.csv has Training_13" in message


@pytest.mark.parametrize(("count", "expected"), [(41, "no votes for row 41"), (43, "no face for row 42")])
def test_another_number_of_rows_is_an_error(count, expected, join, here):
    join()
    lines = (here / "fer2013new.csv").read_text().splitlines()
    (here / "fer2013new.csv").write_text("\n".join([*lines, lines[-1]][: count + 1]))
    message = complaint(relabelled, read_fer2013([here]), "majority")
    assert f"{count} rows for the 42 of {here}/fer2013.csv, {expected}" in message


@pytest.mark.parametrize("header", [HEADER[::-1], [f" {name.upper()} " for name in HEADER]])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_columns_go_by_name_and_blank_lines_do_not_matter(header, end, start, join, here, faces):
    expected = join()
    path = write_votes(here / "fer2013new.csv", faces, header=header, end=end)
    path.write_text(start + path.read_text())
    joined = relabelled(read_fer2013([here]), "majority")
    assert joined.fingerprint == expected.fingerprint


GOOD = "Training,fer0000000.png,4,0,0,0,6,0,0,0,0,0"
BAD = {
    GOOD.replace("6", "six"): "line 4: 'six' in column anger",
    GOOD.replace("6", "-6"): "line 4: '-6' in column anger",
    GOOD.replace("6", "6.5"): "line 4: '6.5' in column anger",
    GOOD.replace("6", ""): "line 4: '' in column anger",
    GOOD.replace("6", "nan"): "line 4: 'nan' in column anger",
    GOOD.replace("6", "inf"): "line 4: 'inf' in column anger",
    GOOD.replace("6", "1e300"): "line 4: '1e300' in column anger",
    GOOD[:-2]: "line 4: '' in column nf",
    "garbage": "line 4: '' in column anger",
    f"{GOOD},0": "line 4",
}


@pytest.mark.parametrize(("row", "expected"), BAD.items(), ids=BAD.values())
def test_bad_votes_are_named_with_file_and_line(row, expected, join, here):
    faces = join("none")
    (here / "fer2013new.csv").write_text(f"{','.join(HEADER)}\n{GOOD}\n\n{row}\n{GOOD}\n")
    message = complaint(relabelled, faces, "majority")
    assert f"{here}/fer2013new.csv" in message
    assert expected in message
    assert "github.com/microsoft/FERPlus" in message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "not a table of votes"),
        (b"emotion,pixels\n0,1\n", "line 1: no column usage, image name, anger"),
        (",".join(HEADER[:-1]).encode(), "line 1: no column nf"),
        (b"<!DOCTYPE html>\n<p>a,b</p>\n", "not a table of votes"),
        (b"\x00\xff\xfe" * 100, "fer2013new.csv"),
        (b"PK\x03\x04" + bytes(range(256)), "fer2013new.csv"),
        (",".join(HEADER).encode(), "0 rows for the 42"),
    ],
)
def test_files_of_something_else_are_an_error_in_one_line(content, expected, join, here):
    faces = join("none")
    (here / "fer2013new.csv").write_bytes(content)
    assert expected in complaint(relabelled, faces, "majority")


# in training


class Spy(Classifier):
    """Keeps the labels of every batch, by stage."""

    def __init__(self, **options):
        super().__init__(**options)
        self.seen: dict[str, list] = {"train": [], "val": [], "test": [], "predict": []}

    def training_step(self, batch, batch_idx):
        self.seen["train"].append((batch[1].clone(), batch.rows))
        return super().training_step(batch, batch_idx)

    def validation_step(self, batch, batch_idx):
        self.seen["val"].append((batch[1], batch.rows))
        super().validation_step(batch, batch_idx)

    def predict_step(self, batch, batch_idx, dataloader_idx=0):
        self.seen["predict"].append((batch[1], batch.rows))
        return super().predict_step(batch, batch_idx, dataloader_idx)


@pytest.fixture
def module(join, here):
    """A data module over soft labels: `module(batch_size=4, …)`, set up."""
    contempt = {row: {"contempt": 10} for row in (0, 14, 28)}
    join("soft", contempt | {1: NONE, 2: {"anger": 3, "fear": 3, "sadness": 3}})

    def build(**options) -> FERDataModule:
        module = FERDataModule(**{"source": "fer2013", "root": str(here), "votes": "soft", **options})
        module.setup()
        return module

    return build


def spied(module: FERDataModule, loss: str = "cross_entropy", class_weights: str = "none") -> Spy:
    """Trains an epoch, then predicts."""
    cfg = compose_config([f"loss={loss}", f"loss.class_weights={class_weights}", "output_dir=/nowhere"])
    nodes = {name: dict(cfg[name]) for name in ("loss", "optimizer")}
    model = {"_target_": "fer.models.cnn.CNN", "blocks": [[4]], "head": [4]}
    scheduler = {"_target_": "torch.optim.lr_scheduler.StepLR", "step_size": 1}
    spy = Spy(model=model, scheduler=scheduler, classes=module.classes, class_counts=module.class_counts, **nodes)
    quiet = dict.fromkeys(
        ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary", "use_distributed_sampler"),
        False,
    )
    trainer = pl.Trainer(max_epochs=1, accelerator="cpu", num_sanity_val_steps=0, **quiet)
    trainer.fit(spy, datamodule=module)
    trainer.predict(spy, datamodule=module)
    return spy


def test_training_batches_are_soft_and_all_others_hard(module):
    data = module(batch_size=4)
    spy = spied(data)
    part = data.splits["train"]
    for labels, rows in spy.seen["train"]:
        assert labels.dtype == torch.float32
        assert labels.equal(part.targets[rows])
    for stage in ("val", "predict"):
        assert all(labels.dtype == torch.int64 for labels, _ in spy.seen[stage])
    labels, rows = spy.seen["predict"][0]
    assert labels.equal(part.labels)
    assert labels.equal(part.targets.argmax(1))
    assert all(data.splits[split].targets is None for split in ("val", "test"))


def test_soft_labels_can_be_mixed(module):
    data = module(batch_size=7, augment={"mixup": {"_target_": "fer.augment.Mixup", "alpha": 1.0}})
    spy = spied(data)
    for labels, rows in spy.seen["train"]:
        assert labels.shape == (len(rows), 8)
        torch.testing.assert_close(labels.sum(1), torch.ones(len(rows)))
        own, neighbour = data.splits["train"].targets[rows], data.splits["train"].targets[rows.roll(1)]
        assert (labels <= torch.maximum(own, neighbour) + 1e-6).all()
        assert (labels >= torch.minimum(own, neighbour) - 1e-6).all()


def test_hard_votes_train_on_hard_labels(module):
    data = module(votes="majority")
    assert all(labels.dtype == torch.int64 for labels, _ in spied(data).seen["train"])
    assert data.splits["train"].targets is None


@pytest.mark.parametrize("class_weights", ["none", "balanced"])
@pytest.mark.parametrize("loss", sorted(path.stem for path in (CONF / "loss").glob("*.yaml")))
def test_every_loss_trains_on_soft_labels(loss, class_weights, module):
    spy = spied(module(balance="sampler"), loss, class_weights)
    assert all(parameter.isfinite().all() for parameter in spy.parameters())


def test_counts_are_those_of_the_hard_labels(module):
    data = module()
    assert data.class_counts == np.bincount(data.splits["train"].labels, minlength=8).tolist()
    assert sum(data.class_counts) == 14


def test_subsets_keep_soft_targets_with_their_faces(module):
    whole, few = module(), module(limit=9)
    of = dict(zip(whole.splits["train"].ids, whole.splits["train"].targets, strict=True))
    assert len(few.splits["train"]) == 9
    for name, target in zip(few.splits["train"].ids, few.splits["train"].targets, strict=True):
        assert target.equal(of[name])


@pytest.mark.real
def test_the_real_votes_give_the_known_numbers(real_root):
    if not (real_root / "fer2013new.csv").is_file():
        pytest.skip("no fer2013new.csv beside the real fer2013.csv")
    faces, _ = read_faces("fer2013", str(real_root))
    assert faces.fingerprint == "83227ab2e8fe345d"
    hard, soft = relabelled(faces, "majority"), relabelled(faces, "soft")
    counts = [np.bincount(hard.labels[hard.usage == usage], minlength=8).tolist() for usage in range(len(SPLITS))]
    assert counts == [
        [2100, 119, 532, 7287, 3014, 3149, 8740, 119],
        [287, 24, 62, 865, 351, 415, 1182, 13],
        [273, 18, 83, 893, 384, 396, 1090, 16],
    ]
    assert "dropped: 176 not a face" in hard.notes[0]
    assert [int((soft.usage == usage).sum()) for usage in range(len(SPLITS))] == [28153, 3199, 3153]
