"""Runs an untrusted ONNX graph in a child process with a time limit."""

import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from time import monotonic

import numpy as np

from fer.errors import UserError
from fer.prediction import onnx_worker
from fer.streams import printable

SECONDS = 30
"""The longest that loading a file, or one run of its graph, may take."""
START = 120
"""The same for the child's own start, which takes long only where many compete for the processor."""
ROOM = 4 << 30
"""Bytes of memory for the graph, beside eight times its file."""
LOOK = 0.5
"""Seconds between looks, for systems where a signal does not interrupt a wait."""
LARGEST = 1 << 24
"""Bytes of an answer."""


class Isolated:
    """Runs a graph in a child process (`fer.prediction.onnx_worker`), which starts with the first call.

    Whatever ends a call early, a signal too, ends the child; the next call starts another one.
    """

    def __init__(self, model: bytes, name: str):
        self.model, self.name = model, name
        self.process: subprocess.Popen | None = None
        self.thread = ThreadPoolExecutor(1, "onnx")

    def load(self) -> None:
        """Starts the child. Raises UserError where the file cannot be loaded, or not in time."""
        if self.process is None:
            limits = [str(SECONDS + 5), str(ROOM + 8 * len(self.model))]
            command = [sys.executable, "-P", onnx_worker.__file__, *limits]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            self.process = subprocess.Popen(command, **pipes, start_new_session=True)  # Ctrl-C is for us
            self._answer(self.thread.submit(receive, self.process), START)
            self._ask(self.model)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """(B, 1, H, W) uint8 -> what the graph says, unchecked. Raises UserError where it fails or takes too long."""
        self.load()
        return self._ask(onnx_worker.packed(np.ascontiguousarray(images)))

    def close(self) -> None:
        """Ends the child; calls that wait for it raise."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()

    def __del__(self) -> None:
        self.close()

    def _ask(self, message: bytes) -> np.ndarray:
        return self._answer(self.thread.submit(exchange, self.process, message), SECONDS)

    def _answer(self, future: "Future[bytes]", seconds: float) -> np.ndarray:
        process = self.process
        try:
            answer = waited(future, seconds)
            if answer[:1] == b"+":
                return onnx_worker.unpacked(answer[1:])
            raise UserError(f"{self.name}: onnxruntime cannot run it ({reason_of(answer[1:])})")
        except TooLate:
            self.close()
            raise UserError(f"{self.name}: no answer within {seconds:g} s, so it was ended") from None
        except (EOFError, OSError, ValueError):
            self.close()
            raise UserError(
                f"{self.name}: the process that ran it died (exit code {process.wait()}), as for want of memory"
            ) from None
        except BaseException:  # a signal; a UserError of the graph too, since what state it left is unknown
            self.close()
            raise


def reason_of(text: bytes) -> str:
    """onnxruntime's words in short."""
    return printable(" ".join(text.decode("utf-8", "replace").split()))[:200]


def waited(future: "Future[bytes]", seconds: float) -> bytes:
    """Its result. Raises TimeoutError after so many seconds."""
    end = monotonic() + seconds
    while True:
        try:
            return future.result(min(LOOK, max(0.0, end - monotonic())))
        except TooLate:
            if future.done() or monotonic() >= end:
                raise


def exchange(process: subprocess.Popen, message: bytes) -> bytes:
    """Asks the child and waits for its answer, in a thread."""
    onnx_worker.send(process.stdin, message)
    return receive(process)


def receive(process: subprocess.Popen) -> bytes:
    return onnx_worker.receive(process.stdout, LARGEST)
