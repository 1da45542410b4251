import numpy as np
import pytest
from PIL import Image

from fer.prediction.pictures import Source, Unreadable
from fer.prediction.predictor import Predictor
from fer.prediction.video import Video, followed


@pytest.fixture
def results(film, brightness, find_square):
    video = Video(film)
    return list(followed(Source("film", film, "film.mp4"), video.frames(), Predictor(brightness, find_square), 2))


def test_frames_come_in_order_with_their_time(film):
    video = Video(film)
    assert (video.rate, video.length) == (10, 30)
    frames = list(video.frames())
    assert [frame.number for frame in frames] == list(range(30))
    assert frames[10].seconds == pytest.approx(1.0)
    assert frames[0].picture.size == (240, 120)


def test_every_third_frame_keeps_its_number_and_time(film):
    frames = list(Video(film).frames(every=3))
    assert [frame.number for frame in frames] == list(range(0, 30, 3))
    assert frames[1].seconds == pytest.approx(0.3)


def test_a_face_is_followed_through_the_film(results):
    assert [len(result.faces) for result in results] == [1] * 30
    assert {result.faces[0].track for result in results} == {1}
    lefts = [result.faces[0].box[0] for result in results]
    assert lefts == sorted(lefts)


def test_probabilities_are_smoothed_over_the_change(results):
    bright = [result.faces[0].probabilities["bright"] for result in results]
    assert bright[9] < 0.15
    assert bright[9] < bright[10] < 0.5 < bright[14]
    assert bright[-1] > 0.88
    assert [result.faces[0].label for result in results][9:11] == ["dark", "dark"]
    assert results[-1].faces[0].label == "bright"


def test_what_is_no_video_is_one_line(tmp_path):
    with pytest.raises(Unreadable, match=r"no\.mp4: no such file"):
        Video(tmp_path / "no.mp4")
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(Unreadable, match="not a video"):
        Video(tmp_path / "text.mp4")


def test_a_camera_that_is_not_there_is_one_line():
    with pytest.raises(Unreadable, match="camera 97 cannot be opened"):
        Video(97)


def test_colours_survive_writing_and_reading(tmp_path):
    from fer.prediction.video import VideoWriter

    writer = VideoWriter(tmp_path / "red.mp4", 10, (64, 64))
    writer.add(Image.new("RGB", (64, 64), (220, 30, 30)))
    writer.close()
    [frame] = Video(tmp_path / "red.mp4").frames()
    assert np.abs(np.asarray(frame.picture).mean((0, 1)) - [220, 30, 30]).max() < 12
