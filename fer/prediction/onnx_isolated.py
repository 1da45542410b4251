"""Runs an untrusted ONNX graph in a child process with a time limit."""

import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic

import numpy as np

from fer.errors import UserError
from fer.prediction import onnx_worker
from fer.streams import printable

TIMEOUT = 30
"""Seconds for loading a file, and for one run of its graph."""
START_TIMEOUT = 120
"""Seconds for the start of the child, which is slow only on a busy machine."""
MEMORY = 4 << 30
"""Bytes of memory for the graph, besides eight times the size of its file."""
POLL_SECONDS = 0.5
"""Interval of polling, for systems where a signal does not interrupt waiting."""
MAX_ANSWER = 1 << 24  # bytes


class Isolated:
    """Runs a graph in a child process (`fer.prediction.onnx_worker`), which starts with the first call.

    Whatever interrupts a call, such as a signal, ends the child; the next call starts another.
    """

    def __init__(self, model: bytes, name: str):
        self.model, self.name = model, name
        self.process: subprocess.Popen | None = None
        self.thread = ThreadPoolExecutor(1, "onnx")

    def load(self) -> None:
        """Starts the child. Raises UserError if the file cannot be loaded in time."""
        if self.process is None:
            limits = [str(TIMEOUT + 5), str(MEMORY + 8 * len(self.model))]
            command = [sys.executable, "-P", onnx_worker.__file__, *limits]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            self.process = subprocess.Popen(command, **pipes, start_new_session=True)  # Ctrl-C goes to the parent only
            self._answer(self.thread.submit(receive, self.process), START_TIMEOUT)
            self._ask(self.model)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """(B, 1, H, W) uint8 -> the output of the graph, unchecked. Raises UserError if it fails or takes too long."""
        self.load()
        return self._ask(onnx_worker.packed(np.ascontiguousarray(images)))

    def close(self) -> None:
        """Ends the child; waiting calls raise."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()

    def __del__(self) -> None:
        self.close()

    def _ask(self, message: bytes) -> np.ndarray:
        return self._answer(self.thread.submit(exchange, self.process, message), TIMEOUT)

    def _answer(self, future: "Future[bytes]", seconds: float) -> np.ndarray:
        process = self.process
        try:
            answer = wait_for(future, seconds)
            if answer[:1] == b"+":
                return onnx_worker.unpacked(answer[1:])
            raise UserError(f"{self.name}: onnxruntime cannot run it ({reason_of(answer[1:])})")
        except TimeoutError:
            self.close()
            raise UserError(f"{self.name}: no answer within {seconds:g} s, so it was ended") from None
        except (EOFError, OSError, ValueError):
            self.close()
            raise UserError(
                f"{self.name}: its process died (exit code {process.wait()}), perhaps for lack of memory"
            ) from None
        except BaseException:  # a signal, or an error of the graph that leaves its state unknown
            self.close()
            raise


def reason_of(text: bytes) -> str:
    """Returns the beginning of onnxruntime's message in one line."""
    return printable(" ".join(text.decode("utf-8", "replace").split()))[:200]


def wait_for(future: "Future[bytes]", seconds: float) -> bytes:
    """Returns the future's result. Raises TimeoutError after `seconds`."""
    end = monotonic() + seconds
    while True:
        try:
            return future.result(min(POLL_SECONDS, max(0.0, end - monotonic())))
        except TimeoutError:
            if future.done() or monotonic() >= end:
                raise


def exchange(process: subprocess.Popen, message: bytes) -> bytes:
    """Sends the child a message and waits for its answer."""
    onnx_worker.send(process.stdin, message)
    return receive(process)


def receive(process: subprocess.Popen) -> bytes:
    return onnx_worker.receive(process.stdout, MAX_ANSWER)
