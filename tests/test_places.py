import pytest

from fer import arguments, places
from fer.errors import UserError


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_newest_run_is_found_again_also_when_runs_has_moved(tmp_path, monkeypatch):
    folder = places.RUNS / "train" / "defaults" / "seed-0"
    folder.mkdir(parents=True)
    places.remember(folder)
    assert places.latest() == folder
    assert (places.RUNS / ".latest").read_text() == "train/defaults/seed-0\n"
    (tmp_path / "moved").mkdir()
    (tmp_path / "runs").rename(tmp_path / "moved" / "runs")
    monkeypatch.chdir(tmp_path / "moved")
    assert places.latest() == folder


def test_a_run_elsewhere_is_the_newest_too(tmp_path):
    folder = tmp_path / "big disk" / "ö,x=1"
    folder.mkdir(parents=True)
    places.remember(folder)
    assert places.latest() == folder
    assert places.run("latest") == folder
    assert arguments.run("--checkpoint")("latest") == folder


def test_no_run_and_a_run_that_is_gone_are_errors():
    with pytest.raises(UserError, match="no run was started here"):
        places.latest()
    places.remember(places.RUNS / "gone")
    with pytest.raises(UserError, match="is gone"):
        places.latest()


def test_where_nothing_can_be_written_a_run_goes_on(tmp_path):
    (tmp_path / "runs").write_text("a file")
    places.remember(tmp_path / "x")


def test_a_folder_called_latest_has_its_own_path():
    assert str(places.run("./latest")) == "latest"


@pytest.mark.parametrize("kind", [arguments.place, arguments.path, arguments.run])
def test_an_empty_option_is_an_error_that_names_it(kind):
    with pytest.raises(UserError, match="--checkpoint is empty"):
        kind("--checkpoint")("")


def test_a_tilde_is_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert arguments.path("--csv")("~/faces.csv") == str(tmp_path / "faces.csv")
