"""Times exported networks: milliseconds a face on one core."""

import time
from collections.abc import Mapping, Sequence

import numpy as np

from fer.prediction.onnx_worker import INPUT
from fer.preprocess import SIZE

ROUNDS, FACES = 7, 12
"""Rounds of timing, and faces in each."""


def milliseconds(networks: Mapping[str, Sequence[bytes]], rounds: int = ROUNDS, faces: int = FACES) -> dict[str, float]:
    """Returns name -> processor milliseconds a face, with all its views, one face at a time.

    networks: name -> contents of ONNX files; several are the members of an ensemble. The networks take turns on one
    thread of onnxruntime, and the least of the rounds counts. Processor time is counted, so that other processes
    disturb it little.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    sessions = {
        name: [
            onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"]) for content in members
        ]
        for name, members in networks.items()
    }
    face = {INPUT: np.random.default_rng(0).integers(0, 256, (1, 1, SIZE, SIZE), dtype=np.uint8)}
    times: dict[str, list[float]] = {name: [] for name in networks}
    for _ in range(rounds):
        for name, members in sessions.items():
            start = time.process_time()
            for _ in range(faces):
                for session in members:
                    session.run(None, face)
            times[name].append(1000 * (time.process_time() - start) / faces)
    return {name: min(values) for name, values in times.items()}
