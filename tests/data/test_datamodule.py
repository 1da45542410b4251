import json
import warnings
from collections import Counter
from dataclasses import replace

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from fer.data.batches import Batches, derived_seed
from fer.data.datamodule import FERDataModule
from fer.data.emotions import EMOTIONS
from fer.data.normalisation import pixel_statistics
from fer.data.splits import SPLITS
from fer.errors import UserError

warnings.filterwarnings("ignore", ".*does not have many workers.*")


@pytest.fixture
def datamodule(tmp_path, faces, write_csv):
    """Builds a data module over the tiny fer2013.csv: `datamodule(batch_size=4, …)`, set up."""
    write_csv(tmp_path / "fer2013.csv", faces)

    def build(**options) -> FERDataModule:
        module = FERDataModule(**{"source": "fer2013", "root": str(tmp_path / "fer2013.csv"), **options})
        module.setup()
        return module

    return build


class Spy(pl.LightningModule):
    """Trains nothing to speak of and keeps every batch it meets, by stage."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.seen: dict[str, list] = {"train": [], "val": [], "test": [], "predict": []}
        self.drawn: list[float] = []

    def keep(self, stage: str, batch) -> torch.Tensor:
        self.seen[stage].append((self.current_epoch, *batch, batch.rows, batch.weight))
        return self.layer(torch.ones(1, 1)).sum()

    def training_step(self, batch, batch_idx):
        self.drawn.append(torch.rand(1).item())
        return self.keep("train", batch)

    def validation_step(self, batch, batch_idx):
        self.keep("val", batch)

    def test_step(self, batch, batch_idx):
        self.keep("test", batch)

    def predict_step(self, batch, batch_idx, dataloader_idx=0):
        return self.keep("predict", batch)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.0)


def trainer(epochs: int = 1) -> pl.Trainer:
    quiet = dict.fromkeys(
        ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary", "use_distributed_sampler"),
        False,
    )
    return pl.Trainer(max_epochs=epochs, accelerator="cpu", num_sanity_val_steps=0, **quiet)


def rows(size: int, batch_size: int, **options) -> list[list[int]]:
    return [batch.tolist() for batch, _, _ in Batches(size, batch_size, **options)]


# batches


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 70), st.integers(1, 20), st.integers(1, 4), st.integers(0, 3), st.integers(0, 5))
def test_every_training_row_comes_once_an_epoch_over_all_ranks(size, batch_size, ranks, seed, epoch):
    seen, steps = [], set()
    for rank in range(ranks):
        batches = Batches(size, batch_size, shuffle=True, seed=seed, rank=rank, world_size=ranks)
        batches.set_epoch(epoch)
        drawn = [batch.tolist() for batch, _, _ in batches]
        assert len(drawn) == len(batches)
        assert all(len(batch) == batch_size for batch in drawn[:-1])
        steps.add(len(drawn))
        seen += [row for batch in drawn for row in batch]
    assert sorted(seen) == list(range(size))
    assert len(steps) == 1  # ranks wait for each other at every step


@settings(max_examples=100, deadline=None)
@given(st.integers(8, 70), st.integers(2, 20), st.integers(2, 4))
def test_ranks_share_the_batches_of_one_process(size, batch_size, ranks):
    alone = [rows.tolist() for rows, _, _ in Batches(size, batch_size * ranks, shuffle=True)]
    parts = [rows(size, batch_size, shuffle=True, rank=rank, world_size=ranks) for rank in range(ranks)]
    for step, shares in enumerate(list(zip(*parts, strict=True))[:-1]):
        assert sorted(row for share in shares for row in share) == sorted(alone[step])


@settings(max_examples=100, deadline=None)
@given(st.integers(8, 70), st.integers(1, 20), st.integers(1, 4))
def test_weighted_means_of_the_ranks_average_to_the_mean_over_all(size, batch_size, ranks):
    values = torch.rand(size, dtype=torch.float64)
    parts = [list(Batches(size, batch_size, shuffle=True, rank=r, world_size=ranks)) for r in range(ranks)]
    for step in zip(*parts, strict=True):
        mean = sum(weight * values[rows].mean() for rows, _, weight in step) / ranks
        assert mean.item() == pytest.approx(values[torch.cat([rows for rows, _, _ in step])].mean().item())


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 70), st.integers(1, 20), st.data())
def test_a_resumed_epoch_goes_on_where_it_stopped(size, batch_size, data):
    batches = Batches(size, batch_size, shuffle=True, seed=1)
    whole = [(rows.tolist(), seed) for rows, seed, _ in batches]
    done = data.draw(st.integers(0, len(whole)))
    batches.start = done
    assert [(rows.tolist(), seed) for rows, seed, _ in batches] == whole[done:]
    assert [(rows.tolist(), seed) for rows, seed, _ in batches] == whole  # the next epoch is whole again


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 70), st.integers(2, 20), st.integers(1, 4))
def test_no_training_batch_holds_a_single_image(size, batch_size, ranks):
    for rank in range(ranks):
        batches = rows(size, batch_size, shuffle=True, rank=rank, world_size=ranks)
        assert all(len(batch) > 1 for batch in batches) or size < 2 * ranks


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 70), st.integers(1, 20), st.integers(1, 4))
def test_every_evaluation_row_comes_once_over_all_ranks_in_order(size, batch_size, ranks):
    parts = [rows(size, batch_size, rank=rank, world_size=ranks) for rank in range(ranks)]
    flat = [[row for batch in part for row in batch] for part in parts]
    assert all(part == sorted(part) for part in flat)
    assert sorted(row for part in flat for row in part) == list(range(size))
    assert [len(part) for part in parts] == [
        len(Batches(size, batch_size, rank=rank, world_size=ranks)) for rank in range(ranks)
    ]


def test_order_depends_on_seed_and_epoch_only():
    def order(seed, epoch, batch_size=8):
        batches = Batches(40, batch_size, shuffle=True, seed=seed)
        batches.set_epoch(epoch)
        torch.rand(3)  # what others draw does not matter
        return batches.order().tolist()

    assert order(0, 0) == order(0, 0, batch_size=5)
    assert len({tuple(order(seed, epoch)) for seed in range(3) for epoch in range(3)}) == 9


def test_iterating_twice_gives_the_same_epoch():
    batches = Batches(40, 8, shuffle=True)
    assert [batch.tolist() for batch, _, _ in batches] == [batch.tolist() for batch, _, _ in batches]


def test_every_step_of_every_epoch_and_rank_has_its_own_seed():
    seeds = []
    for rank in range(2):
        for epoch in range(3):
            batches = Batches(40, 4, shuffle=True, rank=rank, world_size=2)
            batches.set_epoch(epoch)
            seeds += [seed for _, seed, _ in batches]
    assert len(set(seeds)) == len(seeds) == 2 * 3 * 5


@settings(max_examples=200)
@given(st.sets(st.lists(st.integers(0, 2**40), max_size=4).map(tuple), min_size=2, max_size=5))
def test_derived_seeds_differ_where_the_numbers_do(numbers):
    seeds = {derived_seed(*each) for each in numbers}
    assert len(seeds) == len(numbers)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_derived_seeds_are_not_fooled_by_trailing_zeros():
    assert derived_seed(1, 2) != derived_seed(1, 2, 0, 0)


def test_derived_seeds_stay_what_they_are():
    assert derived_seed(0, 1, 2) == derived_seed(np.int64(0), 1, torch.tensor(2)) == 3452018054052297075


def test_weights_draw_every_class_about_equally_and_by_seed():
    labels = torch.tensor([0] * 900 + [1] * 90 + [2] * 10)
    weights = 1 / torch.bincount(labels).double()[labels]

    def drawn(seed):
        return Batches(1000, 50, shuffle=True, weights=weights, seed=seed).order()

    counts = torch.bincount(labels[drawn(0)])
    assert ((counts - 1000 / 3).abs() < 5 * (1000 * 2 / 9) ** 0.5).all()
    assert drawn(0).equal(drawn(0))
    assert not drawn(0).equal(drawn(1))


# the module


def test_splits_hold_what_the_source_holds(datamodule, faces):
    module = datamodule()
    for usage, split in enumerate(SPLITS):
        part, mine = module.splits[split], faces.take(faces.usage == usage)
        assert part.images.shape == (14, 1, 48, 48)
        assert part.images.dtype == torch.uint8
        assert part.labels.dtype == torch.int64
        assert np.array_equal(part.images[:, 0].numpy(), mine.images)
        assert part.labels.tolist() == mine.labels.tolist()
        assert len(part.ids) == len(part) == 14


def test_the_public_facts_are_there(datamodule, tmp_path):
    module = datamodule()
    assert module.classes == EMOTIONS
    assert module.class_counts == [2] * 7
    assert module.counts == {split: dict.fromkeys(EMOTIONS, 2) for split in SPLITS}
    assert module.official is False
    assert module.origin == "FER2013"
    assert module.sources == (str(tmp_path / "fer2013.csv"),)
    assert len(module.fingerprint) == 16
    assert module.warnings == [
        "not FER2013's official split: 28,695 of 28,709 Training images missing, 3,575 of 3,589 PublicTest images "
        "missing, 3,575 of 3,589 PrivateTest images missing"
    ]


def test_the_description_can_be_written_as_json(datamodule):
    module = datamodule(limit=9, classes=["sad", "happy"])
    described = json.loads(json.dumps(module.description()))
    assert described["official_split"] is False
    assert described["counts"]["train"] == {"sad": 2, "happy": 2}
    assert described["fingerprint"] == module.fingerprint


@pytest.fixture
def whole(monkeypatch):
    """Lets the tiny fer2013.csv count as all of FER2013."""
    monkeypatch.setattr("fer.data.official.COUNTS", np.full((3, 7), 2))
    monkeypatch.setattr("fer.data.official.DISTINCT", 42)


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"limit": 9}, "data.limit=9"),
        ({"per_class": {"val": 1, "test": None}}, "data.per_class.val=1"),
        ({"drop_held_out_copies": True}, "data.drop_held_out_copies=true"),
    ],
)
def test_a_part_of_the_held_out_images_is_not_the_official_split(datamodule, options, name):
    module = datamodule(**options)
    assert module.official is False
    assert f"not FER2013's official split: {name} takes a part of it" in module.warnings


@pytest.mark.usefixtures("whole")
def test_all_of_fer2013_is_official_whatever_is_trained_on(datamodule, tmp_path):
    for options in ({}, {"classes": ["sad", "happy"]}, {"merge": {"disgust": "angry"}},
                    {"per_class": {"train": 1}}, {"held_out": str(tmp_path / "fer2013.csv")}):  # fmt: skip
        module = datamodule(**options)
        assert module.official is True
        assert module.warnings == []
    assert datamodule(roles="folders", val_fraction=0.5, test_fraction=0.5).official is False


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (np.arange(41), "1 of 14 PrivateTest images missing"),
        (np.arange(1, 42), "1 of 14 Training images missing"),
        (np.arange(28), "14 of 14 PrivateTest images missing"),
        ([*range(42), 0], "1 Training image more than 14"),
    ],
)
def test_a_csv_that_lost_or_repeats_rows_is_not_official_and_says_so(
    rows, said, datamodule, faces, write_csv, tmp_path
):
    cut = str(write_csv(tmp_path / "cut.csv", faces.take(np.array(rows))))
    for options in ({}, {"classes": ["sad", "happy"]}):
        module = datamodule(root=cut, **options)
        assert module.official is False
        assert f"not FER2013's official split: {said}" in module.warnings


@pytest.mark.usefixtures("whole")
def test_held_out_images_count_for_what_they_replace(datamodule, faces, write_csv, tmp_path):
    train = str(write_csv(tmp_path / "train.csv", faces.take(faces.usage == 0)))
    short = str(write_csv(tmp_path / "short.csv", faces.take(np.arange(41))))
    assert datamodule(root=train, held_out=str(tmp_path / "fer2013.csv")).official is True
    assert "1 of 14 PrivateTest images missing" in datamodule(root=train, held_out=short).warnings[0]


@pytest.mark.parametrize(
    ("option", "value"), [("roles", "kaggle"), ("normalize", "nonsense"), ("balance", None), ("source", "nonsense")]
)
def test_a_choice_that_does_not_exist_is_an_error(option, value, datamodule):
    with pytest.raises(UserError, match=rf"data\.{option}={value}: expected one of"):
        datamodule(**{option: value})


@pytest.mark.parametrize("option", ["root", "held_out", "votes_file", "soft"])
@pytest.mark.parametrize("value", ["", [], ["x.csv", ""]])
def test_an_empty_place_is_an_error(option, value, datamodule):
    with pytest.raises(UserError, match=rf"(data|labels)\.{option} is empty"):
        datamodule(**{option: value})


# soft labels and folds


@pytest.fixture
def soft_file(tmp_path):
    """Writes probabilities of the first 13 training images: nearly all "sad", for every other image "happy"."""

    def write(name="soft.csv", certain=0.9) -> str:
        lines = [f"split,id,{','.join(EMOTIONS)}"]
        for row in range(13):
            probabilities = [(1 - certain) / 6] * 7
            probabilities[(4, 3)[row % 2]] = certain
            lines.append(f"train,Training_{row},{','.join(map(str, probabilities))}")
        (tmp_path / name).write_text("\n".join(lines))
        return str(tmp_path / name)

    return write


def test_soft_labels_are_training_targets_only(datamodule, soft_file):
    module = datamodule(soft=soft_file(), soft_weight=0.25, batch_size=14)
    batch = next(iter(module.train_dataloader()))
    targets, rows = batch.labels, batch.rows
    assert targets.dtype == torch.float32
    targets = targets[rows.argsort()]
    hard = nn.functional.one_hot(module.splits["train"].labels, 7).float()
    assert torch.allclose(targets[0], 0.75 * hard[0] + 0.25 * torch.tensor([0.1 / 6] * 4 + [0.9] + [0.1 / 6] * 2))
    assert targets[13].equal(hard[13])
    assert torch.allclose(targets.sum(1), torch.ones(14))
    assert all(batch[1].dtype == torch.int64 for batch in (*module.val_dataloader(), *module.predict_dataloader()[0]))
    assert "soft labels (weight 0.25) for 13 of 14 training images; 1 keep their own label" in module.warnings


def test_soft_labels_fit_chosen_and_merged_classes(datamodule, soft_file):
    module = datamodule(soft=soft_file(), soft_weight=1.0, classes=["sad", "angry"], merge={"fear": "angry"})
    targets = module.splits["train"].targets
    first = module.splits["train"].ids.tolist().index("Training_0")
    assert targets[first].tolist() == pytest.approx([0.9 / (0.9 + 0.2 / 6), (0.2 / 6) / (0.9 + 0.2 / 6)])


def test_soft_labels_are_in_the_identity_by_their_content(datamodule, soft_file):
    plain, soft = datamodule(), datamodule(soft=soft_file())
    assert plain.identity == plain.fingerprint == soft.fingerprint
    assert soft.identity == datamodule(soft=soft_file("copy.csv")).identity != plain.identity
    assert soft.identity != datamodule(soft=soft_file("other.csv", certain=0.8)).identity
    assert soft.description()["soft_labels"] == soft.soft_digest
    assert "soft_labels" not in plain.description()


def test_mixup_blends_soft_labels(datamodule, soft_file):
    augment = {"mixup": {"_target_": "fer.augment.Mixup", "alpha": 1.0}}
    spy = Spy()
    trainer().fit(spy, datamodule=datamodule(soft=soft_file(), augment=augment, batch_size=7))
    for _, _, labels, *_ in spy.seen["train"]:
        assert labels.shape == (7, 7)
        assert torch.allclose(labels.sum(1), torch.ones(7))


def test_a_fold_is_left_out_of_training_and_scored_in_place_of_the_test_split(datamodule):
    whole = datamodule()
    held = []
    for k in (1, 2):
        module = datamodule(fold=f"{k}/2")
        assert module.scored == ("train", "val", "fold")
        train, fold = module.splits["train"].ids.tolist(), module.splits["fold"].ids.tolist()
        assert sorted(train + fold) == sorted(whole.splits["train"].ids.tolist())
        assert module.class_counts == [1] * 7
        assert module.splits["val"].ids.tolist() == whole.splits["val"].ids.tolist()
        assert module.fingerprint == whole.fingerprint
        held += fold
    assert sorted(held) == sorted(whole.splits["train"].ids.tolist())


def test_folds_do_not_follow_the_seed(datamodule):
    ids = [datamodule(fold="1/2", seed=seed).splits["fold"].ids.tolist() for seed in (0, 1)]
    assert ids[0] == ids[1]


def test_a_fold_that_does_not_exist_is_an_error(datamodule):
    with pytest.raises(UserError, match=r"data\.fold=3/2: expected k/n"):
        datamodule(fold="3/2")


def test_contempt_is_a_class_where_it_is_asked_for(datamodule, make_faces, write_pictures, tmp_path):
    numbered = make_faces(np.tile(np.arange(8), 6), classes=[f"{number}" for number in range(8)])
    root = str(write_pictures(tmp_path / "affectnet", numbered, "{emotion}/{row}.png"))
    known = {"root": root, "numbers": "affectnet"}
    names = ["neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt"]
    module = datamodule(**known)
    assert module.classes == EMOTIONS
    assert module.warnings[0].startswith("6 pictures of contempt left out")
    for options, classes in (
        ({"classes": names}, names),
        ({"classes": ["contempt", "happy"]}, ["contempt", "happy"]),
        ({"merge": {"contempt": "disgust"}}, list(EMOTIONS)),
    ):
        module = datamodule(**known, **options)
        assert list(module.classes) == classes
        assert not any("contempt" in note for note in module.warnings)
        for part in module.splits.values():
            for face_id, label in zip(part.ids, part.labels, strict=True):
                name = names[int(str(face_id).split("/")[0])]
                assert module.classes[label] == options.get("merge", {}).get(name, name)


def test_setup_reads_once(datamodule, monkeypatch):
    module = datamodule()
    before = module.splits
    monkeypatch.setattr("fer.data.datamodule.read_faces", None)
    module.setup("fit")
    module.setup("test")
    assert module.splits is before


def test_notes_and_warnings_are_passed_on(datamodule, tmp_path):
    with open(tmp_path / "fer2013.csv", "a") as file:
        file.write("garbage\n")
    module = datamodule(on_bad_row="skip")
    assert "1 bad row skipped" in module.warnings[0]
    assert module.description()["notes"] == module.warnings


def test_subsets_are_taken_from_each_split(datamodule):
    module = datamodule(per_class={"train": 1, "val": None, "test": 2}, limit=8)
    assert {split: sum(counts.values()) for split, counts in module.counts.items()} == {"train": 7, "val": 8, "test": 8}
    assert module.class_counts == [1] * 7


def test_subsets_follow_split_seed_and_not_seed(datamodule):
    def ids(**options):
        return datamodule(per_class={"train": 1}, **options).splits["train"].ids.tolist()

    assert ids(seed=1) == ids(seed=2)
    assert ids(split_seed=1) != ids(split_seed=2)


def test_training_copies_are_dropped_on_request(tmp_path, faces, write_csv):
    images = faces.images.copy()
    images[0], images[1] = images[20], images[30]  # one of PublicTest, one of PrivateTest
    write_csv(tmp_path / "x.csv", replace(faces, images=images))
    module = FERDataModule("fer2013", str(tmp_path / "x.csv"), drop_train_copies=True)
    module.setup()
    assert module.splits["train"].ids.tolist() == [f"Training_{row}" for row in range(2, 14)]
    assert [len(module.splits[split]) for split in SPLITS] == [12, 14, 14]


@pytest.mark.parametrize("normalize", ["train", "half", "unit"])
def test_normalisation_is_what_it_says(normalize, datamodule, faces):
    module = datamodule(normalize=normalize)
    pixels = faces.images[faces.usage == 0] / 255.0
    expected = {"train": (pixels.mean(), pixels.std()), "half": (0.5, 0.5), "unit": (0.0, 1.0)}[normalize]
    assert (module.mean, module.std) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("size", [1, 1023, 1025])
def test_pixel_statistics_are_those_of_numpy(size):
    images = torch.randint(0, 256, (size, 1, 48, 48), dtype=torch.uint8)
    pixels = images.numpy() / 255.0
    assert pixel_statistics(images) == pytest.approx((pixels.mean(), pixels.std()), abs=1e-12)


def test_a_class_without_training_images_is_an_error(tmp_path, faces, write_csv):
    few = faces.take((faces.labels != 1) | (faces.usage > 0))
    with pytest.raises(UserError, match="training holds no image of disgust"):
        FERDataModule("fer2013", str(write_csv(tmp_path / "x.csv", few))).setup()


@pytest.mark.parametrize("batch_size", [1, 4, 5, 14, 100])
def test_batches_have_the_promised_shapes_and_types(batch_size, datamodule):
    module = datamodule(batch_size=batch_size, eval_batch_size=batch_size)
    for loader in (module.train_dataloader(), module.val_dataloader(), module.test_dataloader()):
        for batch in loader:
            (images, labels), index, seed, weight = batch, batch.rows, batch.seed, batch.weight
            n = len(labels)
            assert images.shape == (n, 1, 48, 48)
            assert images.dtype == torch.uint8
            assert labels.shape == index.shape == (n,)
            assert labels.dtype == index.dtype == torch.int64
            assert isinstance(seed, int)
            assert weight == 1


def test_a_batch_holds_the_rows_it_names(datamodule):
    module = datamodule(batch_size=5)
    for split, loader in zip(SPLITS, module.predict_dataloader(), strict=True):
        for batch in [*loader, *(module.train_dataloader() if split == "train" else ())]:
            images, labels = batch
            assert images.equal(module.splits[split].images[batch.rows])
            assert labels.equal(module.splits[split].labels[batch.rows])


def test_the_sampler_balances_classes(tmp_path, make_faces, write_csv):
    labels = [*np.repeat(np.arange(7), [60, 5, 30, 60, 40, 25, 35]), *range(7), *range(7)]
    faces = make_faces(labels, usage=[0] * 255 + [1] * 7 + [2] * 7)
    module = FERDataModule("fer2013", str(write_csv(tmp_path / "x.csv", faces)), balance="sampler")
    module.setup()
    drawn = Counter()
    for epoch in range(10):
        loader = module.train_dataloader()
        loader.sampler.set_epoch(epoch)
        drawn.update(label for _, labels in loader for label in labels.tolist())
    assert min(drawn.values()) > 0.8 * max(drawn.values())


# in a trainer


def test_lightning_advances_the_epoch_so_that_every_epoch_has_its_order(datamodule):
    spy = Spy()
    trainer(epochs=3).fit(spy, datamodule=datamodule(batch_size=4))
    orders = {epoch: [] for epoch in range(3)}
    for epoch, _, _, index, _ in spy.seen["train"]:
        orders[epoch] += index.tolist()
    assert all(sorted(order) == list(range(14)) for order in orders.values())
    assert len({tuple(order) for order in orders.values()}) == 3
    for epoch, order in orders.items():
        batches = Batches(14, 4, shuffle=True, seed=0)
        batches.set_epoch(epoch)
        assert batches.order().tolist() == order


def test_what_a_step_draws_depends_on_its_seed_only(datamodule):
    drawn = []
    for state in (1, 2):
        torch.manual_seed(state)
        spy = Spy()
        trainer(epochs=2).fit(spy, datamodule=datamodule(batch_size=4))
        drawn.append(spy.drawn)
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == len(drawn[0])


def test_only_training_batches_are_augmented(datamodule):
    augment = {"flip": {"_target_": "fer.augment.Flip", "p": 1.0}}
    module, spy, runner = datamodule(augment=augment, batch_size=4), Spy(), trainer()
    runner.fit(spy, datamodule=module)
    runner.test(spy, datamodule=module, verbose=False)
    runner.predict(spy, datamodule=module)
    for stage, split in (("train", "train"), ("val", "val"), ("test", "test")):
        for _, images, labels, index, _ in spy.seen[stage]:
            expected = module.splits[split].images[index]
            if stage == "train":
                assert images.dtype == torch.float32
                assert torch.allclose(images, expected.flip(-1) / 255)
            else:
                assert images.equal(expected)
            assert labels.equal(module.splits[split].labels[index])
    predicted = [images for _, images, *_ in spy.seen["predict"]]
    assert [part.dtype for part in predicted] == [torch.uint8] * 3
    assert [part.equal(module.splits[split].images) for part, split in zip(predicted, SPLITS, strict=True)] == [
        True
    ] * 3


def test_mixed_labels_pass_through_in_training_only(datamodule):
    augment = {"mixup": {"_target_": "fer.augment.Mixup", "alpha": 1.0}}
    spy = Spy()
    trainer().fit(spy, datamodule=datamodule(augment=augment, batch_size=7))
    for _, images, labels, *_ in spy.seen["train"]:
        assert images.dtype == labels.dtype == torch.float32
        assert labels.shape == (7, 7)
        assert torch.allclose(labels.sum(1), torch.ones(7))
    assert all(labels.dtype == torch.int64 for _, _, labels, *_ in spy.seen["val"])


def test_evaluation_meets_every_row_once_in_order(datamodule):
    module, spy = datamodule(eval_batch_size=4), Spy()
    trainer().test(spy, datamodule=module, verbose=False)
    assert [row for _, _, _, index, _ in spy.seen["test"] for row in index.tolist()] == list(range(14))


def test_validation_and_test_may_come_from_another_place(tmp_path, make_faces, write_csv):
    mine = make_faces(list(range(7)) * 3, usage=np.repeat([0, 1, 2], 7))
    theirs = make_faces(list(range(7)) * 3, usage=np.repeat([0, 1, 2], 7), seed=1)
    roots = [str(write_csv(tmp_path / name / "fer2013.csv", one)) for name, one in (("a", mine), ("b", theirs))]
    module = FERDataModule(root=roots[0], held_out=roots[1], classes=["angry", "happy"])
    module.setup()
    assert module.origin == "FER2013, validated and tested on FER2013"
    assert list(module.sources) == roots
    assert np.array_equal(module.splits["train"].images[:, 0].numpy(), mine.images[[0, 3]])
    assert np.array_equal(module.splits["test"].images[:, 0].numpy(), theirs.images[[14, 17]])


@pytest.mark.parametrize("name", ["per_class", "synthetic", "merge", "progressive_resizing"])
@pytest.mark.parametrize("value", [5, "train:5", ["train"]])
def test_mappings_are_mappings(name, value):
    with pytest.raises(UserError, match=rf"data\.{name}=.*: expected"):
        FERDataModule("synthetic", **{name: value}).setup()


@pytest.mark.parametrize("name", ["batch_size", "eval_batch_size", "limit"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "many"])
def test_sizes_are_positive_integers(name, value):
    with pytest.raises(UserError, match=rf"data\.{name}={value}: expected a positive integer"):
        FERDataModule("synthetic", **{name: value}).setup()
