"""The child process that runs an untrusted ONNX graph.

    python -P onnx_worker.py SECONDS BYTES

Says on standard output that it is ready. Then it reads messages from standard input and answers each: first the file,
then one uint8 array after the other as numpy.save writes it. A message is its length, as 8 bytes, and its bytes; an
answer begins with "+", followed by an array, or with "-", followed by the reason. Loading and every run end the process
after SECONDS. From the file on it may take BYTES of memory more, where the system can limit that (Linux).

It imports nothing of fer, so it starts in a fraction of a second.
"""

import io
import os
import signal
import struct
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

LENGTH = struct.Struct("<q")
STACK = 8 << 20
"""Bytes that each thread reserves."""
LONGEST = 1 << 31
INPUT, OUTPUT = "images", "probabilities"


def session_of(model: bytes) -> Any:
    """An onnxruntime session on the CPU. Raises whatever onnxruntime raises for a file that it cannot load."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised as well
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leaves the cores to the decoders
    options.add_session_config_entry("session.load_model_format", "ONNX")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run(session: Any, images: np.ndarray) -> np.ndarray:
    """(B, 1, H, W) uint8 -> what the graph says."""
    return session.run([OUTPUT], {INPUT: images})[0]


def send(file: BinaryIO, *parts: bytes) -> None:
    file.write(LENGTH.pack(sum(map(len, parts))))
    for part in parts:
        file.write(part)
    file.flush()


def receive(file: BinaryIO, longest: int = LONGEST) -> bytes:
    """The next message. Raises EOFError where the other side has ended, or would send more than `longest` bytes."""
    head = file.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError
    [size] = LENGTH.unpack(head)
    if not 0 <= size <= longest:
        raise EOFError
    body = file.read(size)
    if len(body) < size:
        raise EOFError
    return body


def packed(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def unpacked(data: bytes) -> np.ndarray:
    return np.load(io.BytesIO(data), allow_pickle=False)


def limit_memory(room: int) -> None:
    """`room` bytes more than now, and not more than half of the machine's memory; the stacks of threads beside it."""
    try:
        import resource

        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
        page, pages = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_PHYS_PAGES")
    except (ImportError, OSError, ValueError):
        return
    limit = used * page + min(room, pages * page // 2) + STACK * (os.cpu_count() or 1)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def alarm(seconds: int) -> None:
    """Ends the process after so many seconds, whatever it is at; 0 takes that back."""
    if hasattr(signal, "alarm"):
        signal.alarm(seconds)


def answer(call: Callable[[], np.ndarray], seconds: int) -> tuple[bytes, bytes]:
    """What the call returned, or why it could not."""
    alarm(seconds)
    try:
        return b"+", packed(call())
    except Exception as error:  # onnxruntime has a dozen kinds
        return b"-", str(error).encode("utf-8", "replace")[:1000]
    finally:
        alarm(0)


def main(seconds: int, room: int) -> None:
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    sessions: list[Any] = []

    def load() -> np.ndarray:
        sessions.append(session_of(model))
        return np.empty(0)

    import onnxruntime  # noqa: F401 (before time and memory are limited)

    try:
        send(answers, b"+", packed(np.empty(0)))
        model = receive(requests)
        limit_memory(room)
        send(answers, *answer(load, seconds))
        while True:
            images = unpacked(receive(requests))
            send(answers, *answer(partial(run, sessions[0], images), seconds))
    except (EOFError, BrokenPipeError):  # the parent has ended
        os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
