"""The child process that runs an untrusted ONNX graph.

    python -P onnx_worker.py SECONDS BYTES

Writes a first answer to standard output when it is ready. Then it reads messages from standard input and answers each:
first the file, then uint8 arrays as numpy.save writes them. A message is its length in 8 bytes and its content; an
answer is "+" and an array, or "-" and the reason of a failure. The process ends if loading or a run takes more than
SECONDS. From the file on it may allocate BYTES more memory, where the system can limit that (Linux).

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
from typing import IO, Any

import numpy as np

LENGTH = struct.Struct("<q")
THREAD_STACK = 8 << 20  # bytes
MAX_MESSAGE = 1 << 31  # bytes
INPUT, OUTPUT = "images", "probabilities"


def session_of(model: bytes) -> Any:
    """Returns an onnxruntime session on the CPU. Raises onnxruntime's errors for a file that it cannot load."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised, too
    options.intra_op_num_threads = available_cores()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # frees idle cores for the decoders
    options.add_session_config_entry("session.load_model_format", "ONNX")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def available_cores() -> int:
    """Returns the number of cores that this process may use, which is less than the machine's under taskset."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(session: Any, images: np.ndarray) -> np.ndarray:
    """(B, 1, H, W) uint8 -> the output of the graph."""
    return session.run([OUTPUT], {INPUT: images})[0]


def send(file: IO[bytes], *parts: bytes) -> None:
    file.write(LENGTH.pack(sum(map(len, parts))))
    for part in parts:
        file.write(part)
    file.flush()


def receive(file: IO[bytes], longest: int = MAX_MESSAGE) -> bytes:
    """Reads a message. Raises EOFError if the other side has ended or announces more than `longest` bytes."""
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
    """Limits memory to `room` bytes more than now, at most half of the machine's memory, besides thread stacks."""
    try:
        import resource

        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
        page, pages = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_PHYS_PAGES")
    except (ImportError, OSError, ValueError):
        return
    limit = used * page + min(room, pages * page // 2) + THREAD_STACK * (os.cpu_count() or 1)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def alarm(seconds: int) -> None:
    """Ends the process after `seconds`; 0 cancels that."""
    if hasattr(signal, "alarm"):
        signal.alarm(seconds)


def answer(call: Callable[[], np.ndarray], seconds: int) -> tuple[bytes, bytes]:
    """Returns "+" and the call's array, or "-" and the reason of its failure."""
    alarm(seconds)
    try:
        return b"+", packed(call())
    except Exception as error:  # onnxruntime raises a dozen types
        return b"-", str(error).encode("utf-8", "replace")[:1000]
    finally:
        alarm(0)


def main(seconds: int, room: int) -> None:
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output of libraries goes to standard error
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
