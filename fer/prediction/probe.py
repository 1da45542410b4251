"""Explains the answer for each face of a picture in a figure."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fer.classifier import Classifier
from fer.errors import UserError
from fer.evaluation import explain
from fer.evaluation.loading import ClassifierWithData
from fer.evaluation.neighbours import nearest
from fer.pictures import Unreadable
from fer.plots.probe import Answer, probe_figure
from fer.prediction.copies import unused_path
from fer.prediction.experiment_data import experiment_data
from fer.prediction.inputs import is_video
from fer.prediction.next_step import after_unreadable
from fer.prediction.outputs import make_folder, write_errors
from fer.prediction.pictures import Source, decode_rgb
from fer.prediction.predictor import Face, Predictor, describe
from fer.streams import printable

NEIGHBOURS = 8
BROKEN, NO_FACE = 1, 3  # exit codes of fer.predict
Neighbours = list[tuple[np.ndarray, str, str]]
"""(48, 48) image, class and similarity of each training face."""


def probe(
    sources: Sequence[Source], predictor: Predictor, folder: Path, data: list[str] | None, numbers: Any = None
) -> int:
    """Writes <name>-face<n>.png for each face into `folder`; returns the exit code of fer.predict.

    data: paths of the training faces, by default those of the run; numbers: the classes of folders named by numbers.
    Raises UserError for videos.
    """
    if any(map(is_video, sources)):
        raise UserError("--probe explains pictures; save a frame of the video as a picture")
    print(describe(predictor), flush=True)
    training, remark = training_faces(predictor, data, numbers)
    code, written, taken, reasons = 0, [], set(), set()
    for source in sources:
        name = printable(source.name)
        try:
            [faces] = predictor.recognise([predictor.detect_file(source.file, source.name)])
            picture = np.asarray(decode_rgb(source.file, source.name))
        except Unreadable as error:
            print(printable(str(error)))
            reasons.add(error.reason)
            code = BROKEN
            continue
        if not faces:
            print(f"{name}: no face found; --no-detect uses the whole picture")
            code = code or NO_FACE
        for face in faces:
            answer = explain_face(picture, face, predictor, training, remark)
            path = make_folder(folder) / unused_path(Path(f"{Path(source.place).stem}-face{face.number}.png"), taken)
            with write_errors(path):
                probe_figure(answer, f"{name}, face {face.number} of {len(faces)}").savefig(path)
            print(f"{name}: face {face.number}: {face.label} {100 * face.confidence:.0f} %")
            written.append(str(path))
    print("\n".join(closing_lines(written, reasons, training is not None)))
    return code


def closing_lines(written: Sequence[str], reasons: Collection[str], with_training_faces: bool) -> list[str]:
    """Returns the files that were written and what to do next; reasons: why pictures could not be read."""
    if not written:
        following = after_unreadable(reasons) if reasons else "next: try another picture, or --no-detect"
        return ["wrote nothing", following]
    lines = [f"wrote {printable(', '.join(written))}"]
    if with_training_faces:
        lines.append("they contain faces of the training data: its terms apply to these files too")
    return [*lines, f"next: open {printable(written[0])}"]


def training_faces(
    predictor: Predictor, data: list[str] | None, numbers: Any = None
) -> tuple[ClassifierWithData | None, str]:
    """Returns the training faces behind a checkpoint; or None, and a remark on the reason."""
    path = Path(predictor.network.name)
    if path.suffix == ".onnx":
        return None, "an .onnx file has no gradients and features: give --checkpoint the run or its .ckpt"
    faces, reason = experiment_data(path, data, numbers)
    return faces, f"training faces are not available ({reason})" if reason else ""


def explain_face(
    picture: np.ndarray, face: Face, predictor: Predictor, training: ClassifierWithData | None, remark: str
) -> Answer:
    """Collects what the figure shows of a face; parts that are unavailable become remarks."""
    remarks = [remark] if remark else []
    heat, similar = None, []
    if classifier := getattr(predictor.network, "classifier", None):
        try:
            heat = gradcam(classifier, face)
        except UserError as error:
            remarks.append(str(error))
        similar = neighbours(classifier, face, training) if training else []
    return Answer(picture, face.box, face.region, face.pixels, face.label, face.probabilities, heat, similar, remarks)


def gradcam(classifier: Classifier, face: Face) -> np.ndarray:
    """Returns (48, 48) floats in [0, 1]: the Grad-CAM map of the most probable class."""
    best = max(face.probabilities, key=lambda name: face.probabilities[name])
    images = torch.from_numpy(face.pixels)[None, None]
    return explain.gradcam(classifier, images, torch.tensor([classifier.classes.index(best)]))[0].numpy()


def neighbours(classifier: Classifier, face: Face, training: ClassifierWithData) -> Neighbours:
    """Returns the training faces whose penultimate features have the highest cosine similarity to the face's."""
    train = training.split("train")
    cosines, rows = nearest(classifier, train.images, torch.from_numpy(face.pixels)[None, None], NEIGHBOURS)
    names = classifier.classes
    return [
        (train.images[row, 0].cpu().numpy(), names[train.labels[row]], f"cosine {cosine:.2f}")
        for cosine, row in zip(cosines[0].tolist(), rows[0].tolist(), strict=True)
    ]
