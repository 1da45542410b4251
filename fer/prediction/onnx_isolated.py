"""Runs an untrusted ONNX graph in a child process with a time limit."""

import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import IO, NamedTuple

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


class Child(NamedTuple):
    """A process and the pipes to its standard input and from its standard output."""

    process: "subprocess.Popen[bytes]"
    stdin: IO[bytes]
    stdout: IO[bytes]


class Isolated:
    """Runs a graph in a child process (`fer.prediction.onnx_worker`), which starts with the first call.

    Whatever interrupts a call, such as a signal, ends the child; the next call starts another.
    """

    def __init__(self, model: bytes, name: str):
        self.model, self.name = model, name
        self.child: Child | None = None
        self.thread = ThreadPoolExecutor(1, "onnx")

    def load(self) -> Child:
        """Returns the child, started if there is none. Raises UserError if the file cannot be loaded in time."""
        if self.child is None:
            child = self.child = start([str(TIMEOUT + 5), str(MEMORY + 8 * len(self.model))])
            self._answer(child, self.thread.submit(receive, child), START_TIMEOUT)
            self._ask(child, self.model)
            return child
        return self.child

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """(B, 1, H, W) uint8 -> the output of the graph, unchecked. Raises UserError if it fails or takes too long."""
        return self._ask(self.load(), onnx_worker.packed(np.ascontiguousarray(images)))

    def close(self) -> None:
        """Ends the child; waiting calls raise."""
        child, self.child = self.child, None
        if child is not None:
            child.process.kill()
            child.process.wait()

    def __del__(self) -> None:
        self.close()

    def _ask(self, child: Child, message: bytes) -> np.ndarray:
        return self._answer(child, self.thread.submit(exchange, child, message), TIMEOUT)

    def _answer(self, child: Child, future: "Future[bytes]", seconds: float) -> np.ndarray:
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
                f"{self.name}: its process died (exit code {child.process.wait()}), perhaps for lack of memory"
            ) from None
        except BaseException:  # a signal, or an error of the graph that leaves its state unknown
            self.close()
            raise


def start(limits: list[str]) -> Child:
    """Starts the child with its limits, see `onnx_worker`. Ctrl-C goes to the parent only."""
    process = subprocess.Popen(
        [sys.executable, "-P", onnx_worker.__file__, *limits],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    return Child(process, process.stdin, process.stdout)


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


def exchange(child: Child, message: bytes) -> bytes:
    """Sends the child a message and waits for its answer."""
    onnx_worker.send(child.stdin, message)
    return receive(child)


def receive(child: Child) -> bytes:
    return onnx_worker.receive(child.stdout, MAX_ANSWER)
