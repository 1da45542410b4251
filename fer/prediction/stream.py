"""Runs pictures through a predictor: reads in parallel, predicts in batches, keeps the order."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from PIL import Image

from fer.pictures import Unreadable
from fer.prediction.pictures import Source
from fer.prediction.predictor import BATCH, Detection, Face, Predictor
from fer.threads import ahead


@dataclass
class Result:
    """The result for a picture or a frame of a video."""

    source: Source
    width: int = 0
    height: int = 0
    faces: list[Face] = field(default_factory=list)
    error: str = ""  # name and reason, if it could not be read
    reason: str = ""  # the same without the name
    frame: int | None = None  # number in its video, from 0
    seconds: float | None = None
    picture: Image.Image | None = None  # frames only
    detector: str = ""  # name of what found the faces


def results(sources: Iterable[Source], predictor: Predictor, workers: int) -> Iterator[Result]:
    """Yields a result for each picture in order; one that cannot be read yields its error.

    Decoders and cascades release the GIL, so `workers` threads use all cores.
    """

    def detect(source: Source) -> Detection | Unreadable:
        try:
            return predictor.detect_file(source.file, source.name)
        except Unreadable as error:
            return error

    detections = ahead(detect, sources, workers, room=BATCH)  # reads while the batch before is recognised
    while batch := list(islice(detections, BATCH)):
        faces = iter(predictor.recognise([item for _, item in batch if isinstance(item, Detection)]))
        for source, item in batch:
            if isinstance(item, Detection):
                yield Result(source, item.width, item.height, next(faces), detector=item.detector)
            else:
                yield Result(source, error=str(item), reason=item.reason)
