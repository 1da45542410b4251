"""Explains one picture's prediction in a figure per face."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fer.errors import UserError
from fer.pictures import Unreadable, decode
from fer.plots.probe import Answer, probe_figure
from fer.prediction.inputs import is_video
from fer.prediction.network import about
from fer.prediction.outputs import free, made, writing
from fer.prediction.pictures import Source, in_colour
from fer.prediction.predictor import Face, Predictor
from fer.streams import printable

if TYPE_CHECKING:
    from fer.evaluation.pixels import Pixels

ALIKE = 8
BROKEN, NO_FACE = 1, 3
Alike = list[tuple[np.ndarray, str, str]]


def probe(sources: Sequence[Source], predictor: Predictor, folder: Path, data: list[str] | None) -> int:
    """Writes <name>-face<n>.png for each face into `folder`; returns the exit code as fer.predict has it."""
    if any(map(is_video, sources)):
        raise UserError("--probe explains pictures; save a frame of the video as one")
    print(about(predictor.network), flush=True)
    training, why = training_faces(predictor, data)
    code, written, taken = 0, [], set()
    for source in sources:
        name = printable(source.name)
        try:
            [faces] = predictor([decode(source.content, source.name)])
            shown = np.asarray(in_colour(source.content, source.name))
        except Unreadable as error:
            print(printable(str(error)))
            code = BROKEN
            continue
        if not faces:
            print(f"{name}: no face found; --no-detect takes the whole picture")
            code = code or NO_FACE
        for number, face in enumerate(faces, 1):
            answer = answered(shown, face, predictor, training, why)
            path = made(folder) / free(Path(f"{Path(source.place).stem}-face{number}.png"), taken)
            with writing(path):
                probe_figure(answer, f"{name}, face {number} of {len(faces)}").savefig(path)
            print(f"{name}: face {number}: {face.label} {100 * face.confidence:.0f} %")
            written.append(str(path))
    print(f"wrote {printable(', '.join(written)) or 'nothing'}")
    if written and training:
        print("they show faces of the training data: keep them where the data may be kept")
    print(f"next: open {printable(written[0])}" if written else "next: try another picture, or --no-detect")
    return code


def training_faces(predictor: Predictor, data: list[str] | None) -> tuple["Pixels | None", str]:
    """Network and training images behind a checkpoint, or why there are none."""
    path = Path(predictor.network.name)
    if path.suffix == ".onnx":
        return None, "an .onnx file answers, but cannot be looked into: give --checkpoint the run or its .ckpt"
    from fer.evaluation import inputs, pixels
    from fer.evaluation.records import record_of

    try:
        found = pixels.of_checkpoint(path, data, None, None)
    except UserError as error:
        if data:
            raise
        return None, f"training faces are not at hand ({str(error).removeprefix(f'{path}: ')})"
    other = "" if data else inputs.other_data(found, record_of(path.absolute().parent.parent))
    return (None, f"training faces are not at hand: {other}") if other else (found, "")


def answered(picture: np.ndarray, face: Face, predictor: Predictor, training: "Pixels | None", why: str) -> Answer:
    """Everything about one face; what cannot be had is among the remarks."""
    remarks = [why] if why else []
    heat, alike = None, []
    if classifier := getattr(predictor.network, "classifier", None):
        try:
            heat = gradcam(classifier, face)
        except UserError as error:
            remarks.append(str(error))
        alike = neighbours(classifier, face, training) if training else []
    return Answer(picture, face.box, face.region, face.pixels, face.label, face.probabilities, heat, alike, remarks)


def gradcam(classifier, face: Face) -> np.ndarray:
    """(48, 48) in [0, 1]: what speaks for the most probable class."""
    import torch

    from fer.evaluation import explain

    best = max(face.probabilities, key=face.probabilities.get)
    images = torch.from_numpy(face.pixels)[None, None]
    return explain.gradcam(classifier, images, torch.tensor([classifier.classes.index(best)]))[0].numpy()


def neighbours(classifier, face: Face, training: "Pixels") -> Alike:
    """The training faces whose penultimate features have the highest cosine with the face's."""
    import torch

    from fer.evaluation.neighbours import nearest

    train = training.split("train")
    cosines, rows = nearest(classifier, train.images, torch.from_numpy(face.pixels)[None, None], ALIKE)
    names = classifier.classes
    return [
        (train.images[row, 0].cpu().numpy(), names[train.labels[row]], f"cosine {cosine:.2f}")
        for cosine, row in zip(cosines[0].tolist(), rows[0].tolist(), strict=True)
    ]
