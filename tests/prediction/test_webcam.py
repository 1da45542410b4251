"""The command, with a film in place of a camera."""

import csv
from pathlib import Path

import pytest

from fer import webcam
from fer.errors import UserError
from fer.prediction import detect, network
from fer.prediction.video import Video


@pytest.fixture(autouse=True)
def _stand_ins(tmp_path, monkeypatch, brightness, find_square):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(network, "load", lambda path, differentiable=False, tta=None: brightness)
    monkeypatch.setattr(detect, "Haar", lambda: find_square)


def test_without_a_window_it_leaves_timeline_and_video(film, capsys):
    assert webcam.main(["--camera", str(film), "--no-window", "--csv=time.csv", "--out", "seen"]) == 0
    rows = list(csv.DictReader(Path("time.csv").read_text().splitlines()))
    assert len(rows) == 30
    assert {row["face"] for row in rows} == {"1"}
    assert Video(Path("seen/camera.mp4")).length == 30
    said = capsys.readouterr().out
    assert "frames/s" in said
    assert "wrote time.csv" in said


def test_frames_are_shown_annotated_with_their_rate(film, monkeypatch):
    seen = []

    class Screen(webcam.NoWindow):
        def show(self, picture):
            seen.append(picture)

    monkeypatch.setattr(webcam, "open_window", Screen)
    webcam.main(["--camera", str(film), "--frames", "5"])
    assert len(seen) == 5
    corner = seen[-1].crop((0, 0, 60, 12)).getextrema()
    assert max(high for _, high in corner) == 255  # white text on grey


def test_closing_the_window_ends_it(film, monkeypatch, capsys):
    class Screen(webcam.NoWindow):
        def show(self, picture):
            self.open = False

    monkeypatch.setattr(webcam, "open_window", Screen)
    webcam.main(["--camera", str(film)])
    assert "1 frame, 1 face" in capsys.readouterr().out


def test_without_a_display_one_line_says_what_to_do(film, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(UserError, match="--no-window records without one"):
        webcam.main(["--camera", str(film)])


def test_a_missing_camera_is_one_line():
    with pytest.raises(UserError, match="camera 97: cannot be opened"):
        webcam.main(["--camera", "97", "--no-window"])
