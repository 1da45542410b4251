"""The command: what it reads, what it writes, what it says, and its exit code."""

import csv
import io
import json
import re
import shlex
import signal
import subprocess
import sys
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from fer import predict
from fer.errors import Interrupted, UserError
from fer.pictures import decode
from fer.prediction import detect, live, network, progress
from fer.prediction.video import Video

OK, BROKEN, NO_FACE = 0, 1, 3


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """The current folder, a network that tells dark from bright, a detector of squares."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def _stand_ins(request, monkeypatch, brightness, find_square):
    if "real" in request.keywords or "exported" in request.fixturenames:
        return

    monkeypatch.setattr(network, "load", lambda path, differentiable=False, tta=None: brightness)
    monkeypatch.setattr(detect, "Haar", lambda: find_square)


def picture(path: str, value: int | None = 230, size: int = 120) -> Path:
    """Grey with a square of `value` in it, or without."""
    pixels = np.full((size, size), 128, np.uint8)
    if value is not None:
        pixels[30:90, 20:80] = value
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(target)
    return target


def lines(capsys) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_a_picture_has_a_line_a_face_and_the_next_command(capsys):
    picture("a.png")
    assert predict.main(["a.png"]) == OK
    said = lines(capsys)
    assert said[0].startswith(
        "brightness: dark, bright; probabilities are not calibrated; detector haar (OpenCV's cascade"
    )
    assert said[1] == "a.png  1/1  60×60 at 20,30  bright 90 %, dark 10 %"
    assert said[2] == "1 picture, 1 face; bright 1"
    assert said[-2] == "wrote no file; --csv=FILE, --json=FILE and --out FOLDER do"
    assert said[-1].startswith("next: python -m fer.predict a.png --probe")


def test_json_is_a_list_of_pictures_with_their_faces(capsys):
    picture("a.png")
    assert predict.main(["--json", "a.png"]) == OK  # the picture is not taken for the file to write
    streams = capsys.readouterr()
    [found] = json.loads(streams.out)
    assert (found["picture"], found["width"], found["height"], found["detector"]) == ("a.png", 120, 120, "haar")
    [face] = found["faces"]
    assert (face["face"], face["box"], face["label"]) == (1, [20, 30, 60, 60], "bright")
    assert face["probabilities"] == {"dark": pytest.approx(0.098, abs=0.01), "bright": pytest.approx(0.902, abs=0.01)}
    assert "next:" in streams.err


def test_csv_has_a_line_a_face_and_one_for_a_picture_without(capsys):
    picture("a.png")
    picture("b.png", None)
    assert predict.main(["a.png", "b.png", "--csv"]) == NO_FACE
    first, second = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (first["picture"], first["face"], first["left"], first["label"]) == ("a.png", "1", "20", "bright")
    assert float(first["dark"]) + float(first["bright"]) == pytest.approx(1)
    assert (second["picture"], second["face"], second["label"], second["error"]) == ("b.png", "", "", "")
    assert (first["detector"], second["detector"]) == ("haar", "haar")


def test_faces_have_one_number_in_lines_csv_json_and_crops(capsys, monkeypatch):
    pixels = np.full((120, 300), 128, np.uint8)
    for left in (20, 120, 220):
        pixels[30:90, left : left + 60] = left
    Image.fromarray(pixels).save("three.png")
    boxes = [(left, 30, 60, 60) for left in (20, 120, 220)]
    monkeypatch.setattr(detect, "Haar", lambda: lambda grey: boxes)
    predict.main(["three.png", "--csv=new/a.csv", "--json=other/new/a.json", "--show-input=crops"])
    rows = list(csv.DictReader(Path("new/a.csv").read_text().splitlines()))
    assert [(row["face"], row["left"]) for row in rows] == [("1", "20"), ("2", "120"), ("3", "220")]
    [found] = json.loads(Path("other/new/a.json").read_text())
    assert [(face["face"], face["box"][0]) for face in found["faces"]] == [(1, 20), (2, 120), (3, 220)]
    assert [line.split()[1:5] for line in lines(capsys)[1:4]] == [
        [f"{number}/3", "60×60", "at", f"{left},30"] for number, left in ((1, 20), (2, 120), (3, 220))
    ]
    assert {path.name for path in Path("crops").iterdir()} == {f"three-face{number}.png" for number in (1, 2, 3)}


def next_line(capsys) -> str:
    return lines(capsys)[-1]


def test_the_next_command_explains_the_picture_with_the_same_options(capsys):
    picture("my photo.png")
    predict.main(["my photo.png", "--no-detect", "--margin=1.2"])
    words = shlex.split(next_line(capsys).removeprefix("next: ").partition("    (")[0])
    assert words[:3] == ["python", "-m", "fer.predict"]
    args = predict.parser().parse_args(words[3:])
    assert (args.inputs, args.no_detect, args.margin, args.probe) == (["my photo.png"], True, 1.2, True)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["nowhere.png"], "next: check the path"),
        (["text.png"], "next: save what is unreadable as"),
        (["empty.png"], "next: --no-detect takes cropped faces; --detector yunet finds"),
        (["nowhere.png", "--probe"], "next: check the path"),
        (["text.png", "--probe"], "next: save what is unreadable as"),
        (["empty.png", "--probe"], "next: try another picture, or --no-detect"),
    ],
)
def test_the_last_line_fits_what_happened(arguments, hint, capsys):
    picture("empty.png", None)
    Path("text.png").write_text("no picture")
    predict.main(arguments)
    assert next_line(capsys).startswith(hint)


def test_a_video_gets_no_hint_about_pictures(film, capsys):
    predict.main([str(film)])
    assert next_line(capsys).startswith("wrote no file")


@pytest.mark.parametrize(("variable", "colours"), [("NO_COLOR", False), ("OTHER", True)])
def test_no_color_keeps_colours_out_of_the_progress_bar(variable, colours, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv(variable, "1")
    monkeypatch.setattr(sys, "stderr", Terminal())
    for number in range(progress.PROGRESS_FROM):
        picture(f"in/{number}.png")
    predict.main(["in"])
    assert "pictures" in sys.stderr.getvalue()
    assert bool(re.search(r"\x1b\[[0-9;]*3[0-9]", sys.stderr.getvalue())) == colours


def test_both_on_standard_output_is_refused():
    picture("a.png")
    with pytest.raises(UserError, match="cannot both go to standard output"):
        predict.main(["a.png", "--json", "--csv"])


def test_a_broken_file_in_the_middle_stops_nothing(capsys):
    picture("a.png")
    Path("b.jpg").write_bytes(b"broken")
    picture("c.png", 20)
    assert predict.main(["a.png", "b.jpg", "no.png", "c.png", "--json=out.json"]) == BROKEN
    found = json.loads(Path("out.json").read_text())
    assert [len(one["faces"]) for one in found] == [1, 0, 0, 1]
    assert found[1]["error"] == "b.jpg: not a picture of a known kind"
    assert found[2]["error"] == "no.png: no such file"
    said = lines(capsys)
    assert "4 pictures, 2 faces; bright 1, dark 1; 2 unreadable" in said
    assert "wrote out.json" in said


def test_a_picture_without_a_face_is_told_apart_by_the_exit_code(capsys):
    picture("a.png", None)
    assert predict.main(["a.png"]) == NO_FACE
    assert "no face found" in capsys.readouterr().out
    assert predict.main(["a.png", "--no-detect"]) == OK


def test_folders_and_patterns_are_read_with_all_below(capsys):
    for name in ("in/a.png", "in/deep/b.png", "in/.hidden.png", "other.png"):
        picture(name)
    Path("in/text.txt").touch()
    predict.main(["in", "--json=1.json"])
    predict.main(["in/**/*.png", "--json=2.json"])
    for file in ("1.json", "2.json"):
        assert {one["picture"] for one in json.loads(Path(file).read_text())} == {"in/a.png", "in/deep/b.png"}


def test_a_name_with_brackets_is_a_file_first(capsys):
    picture("a[1].png")
    assert predict.main(["a[1].png"]) == OK


@pytest.mark.parametrize(("inputs", "words"), [("no*.png", "nothing matches"), (".", "no picture")])
def test_an_input_that_names_nothing_is_one_line(inputs, words):
    with pytest.raises(UserError, match=words):
        predict.main([inputs])


def test_a_picture_may_come_by_standard_input(monkeypatch, capsys):
    content = picture("a.png").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert predict.main(["-", "--json"]) == OK
    [found] = json.loads(capsys.readouterr().out)
    assert found["picture"] == "standard input"
    assert len(found["faces"]) == 1


def test_a_video_may_come_by_standard_input(film, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(film.read_bytes())))
    assert predict.main(["-", "--csv=a.csv", "--out", "out", "--start", "1", "--end", "0:02"]) == OK
    rows = list(csv.DictReader(Path("a.csv").read_text().splitlines()))
    assert [int(row["frame"]) for row in rows] == list(range(10, 20))
    assert [frame.seconds for frame in Video(Path("out/stdin.mp4")).frames()] == pytest.approx(
        [number / 10 for number in range(10)], abs=0.002
    )


@pytest.mark.parametrize("suffix", ["", ".bin"])
def test_a_video_without_the_suffix_of_one_is_known_by_its_content(suffix, film):
    Path(f"clip{suffix}").write_bytes(film.read_bytes())
    assert predict.main([f"clip{suffix}", "--csv=a.csv", "--every", "10"]) == OK
    assert len(Path("a.csv").read_text().splitlines()) == 4


def test_typescript_beside_pictures_is_no_video():
    picture("in/a.png")
    Path("in/code.ts").write_text("const a: number = 1;\n" * 50)
    assert predict.main(["in"]) == OK


@pytest.mark.parametrize("text", ["x", "1:2:3:4", "-1", "1:x"])
def test_times_that_are_none_are_refused(text, capsys):
    with pytest.raises(SystemExit):
        predict.main(["a.mp4", f"--start={text}"])
    assert "expected seconds such as 90, or 1:30, or 0:01:30" in capsys.readouterr().err


def test_a_camera_ends_with_ctrl_c_and_keeps_what_was_recognised(film, monkeypatch, capsys):
    def interrupted(place):
        def frames():
            yield from islice(Video(film).frames(), 5)
            raise Interrupted(signal.SIGINT)

        return SimpleNamespace(frames=frames)

    monkeypatch.setattr(live, "live", interrupted)
    assert predict.main(["0", "--csv=a.csv"]) == OK
    assert len(Path("a.csv").read_text().splitlines()) == 6
    assert "5 frames, 5 faces" in capsys.readouterr().out


def test_below_the_threshold_the_label_is_unsure(capsys):
    picture("a.png", 60)
    predict.main(["a.png", "--threshold", "0.8", "--json"])
    [found] = json.loads(capsys.readouterr().out)
    assert found["faces"][0]["label"] == "unsure"


@pytest.mark.parametrize("option", ["--threshold=1.5", "--margin=0", "--margin=10", "--workers=0", "--every=x"])
def test_impossible_options_end_before_anything_is_read(option, capsys):
    with pytest.raises(SystemExit) as end:
        predict.main(["a.png", option])
    assert end.value.code == 2
    assert option.split("=")[0] in capsys.readouterr().err


def test_what_the_network_saw_gives_the_same_answer_again(folder):
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        pixels = np.full((200, 150), 128, np.uint8)
        pixels[50:120, 30:100] = rng.integers(190, 256, (70, 70))
        Image.fromarray(pixels).save(name)
    predict.main(["a.png", "b.png", "--show-input=seen", "--json=1.json"])
    predict.main(["seen", "--no-detect", "--json=2.json"])
    first, second = (json.loads(Path(file).read_text()) for file in ("1.json", "2.json"))
    assert len(second) == 2
    for one, other in zip(first, second, strict=True):
        assert one["faces"][0]["probabilities"] == other["faces"][0]["probabilities"]


def test_photographs_in_class_folders_become_faces_in_class_folders():
    for name in ("in/happy/a.png", "in/happy/a.jpg", "in/sad/b.png"):
        picture(name)
    predict.main(["in", "--show-input=faces"])
    found = {str(path.relative_to("faces")) for path in Path("faces").rglob("*.png")}
    assert found == {"happy/a-face1.png", "happy/a-face1-2.png", "sad/b-face1.png"}
    assert Image.open("faces/sad/b-face1.png").size == (48, 48)


def test_annotated_copies_keep_their_names_apart_and_the_originals_alone():
    originals = [picture("x/a.png"), picture("y/a.png"), picture("y/b.gif")]
    before = [path.read_bytes() for path in originals]
    assert predict.main([*map(str, originals), "--out", "out"]) == OK
    assert {path.name for path in Path("out").iterdir()} == {"a.png", "a-2.png", "b.png"}
    assert [path.read_bytes() for path in originals] == before
    assert np.asarray(decode(Path("out/a.png"), "a")).std(axis=2).max() > 20  # a coloured box on grey


def test_a_copy_of_a_picture_without_a_face_says_so():
    original = np.asarray(Image.open(picture("a.png", None)).convert("RGB"))
    predict.main(["a.png", "--out", "out"])
    changed = (np.asarray(Image.open("out/a.png")) != original).any(axis=2)
    assert changed[:18, :40].any()
    assert not changed[30:].any()


def test_the_original_is_never_replaced():
    original = picture("a.png")
    before = original.read_bytes()
    with pytest.raises(UserError, match="would replace the original"):
        predict.main(["a.png", "--out", "."])
    assert original.read_bytes() == before


def test_a_place_that_cannot_be_written_is_one_line():
    picture("a.png")
    Path("taken").touch()
    for option in ("--out=taken", "--json=taken/x.json", "--csv=taken/x.csv"):
        with pytest.raises(UserError, match="cannot be written"):
            predict.main(["a.png", option])


def test_a_video_becomes_a_timeline_and_an_annotated_video(film, capsys):
    assert predict.main([str(film), "--csv=time.csv", "--out", "out"]) == OK
    rows = list(csv.DictReader(Path("time.csv").read_text().splitlines()))
    assert [int(row["frame"]) for row in rows] == list(range(30))
    assert [float(row["seconds"]) for row in rows[:3]] == [0, 0.1, 0.2]
    assert {row["face"] for row in rows} == {"1"}
    assert Path("out/film.mp4").stat().st_size > 1000
    said = lines(capsys)
    assert any("0.0–2.9 s" in line and "of its frames" in line for line in said)
    assert any("frames/s" in line for line in said)


def test_a_broken_video_among_pictures_stops_nothing(capsys):
    picture("a.png")
    Path("b.mp4").write_bytes(b"no film")
    picture("c.png")
    assert predict.main(["a.png", "b.mp4", "c.png"]) == BROKEN
    assert "not a video that can be read" in capsys.readouterr().out


def test_many_pictures_are_answered_in_order_whatever_the_workers():
    for number in range(40):
        Image.new("L", (70, 70), number * 6).save(f"{number:02}.png")
    for workers in ("1", "3"):
        predict.main([".", "--no-detect", "--workers", workers, f"--json={workers}.json"])
    one, three = (json.loads(Path(f"{workers}.json").read_text()) for workers in (1, 3))
    assert one == three
    assert [found["faces"][0]["probabilities"]["bright"] for found in one] == pytest.approx(
        [number * 6 / 255 for number in range(40)], abs=1e-4
    )


def test_an_onnx_file_is_run_without_torch(exported, folder):
    """By the command as it is typed, on a photograph."""
    data = pytest.importorskip("skimage.data")
    Image.fromarray(data.astronaut()).save("a.png")
    code = f"""
import sys
from fer import predict
code = predict.main(["a.png", "--checkpoint", {str(exported)!r}, "--json=out.json"])
heavy = {{"torch", "lightning", "hydra", "pandas", "matplotlib", "scipy", "sklearn"}} & set(sys.modules)
assert not heavy, heavy
sys.exit(code)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == OK, done.stderr
    [found] = json.loads(Path("out.json").read_text())
    assert len(found["faces"]) == 1
