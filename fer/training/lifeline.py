"""Ends child processes when their parent ends, even if it is killed.

The parent holds a file lock, which the system releases however the process ends. Children check the lock every second.
This works on every system, across intermediate processes, and for ranks that a child starts. The lock lies in the
folder for temporary files, because network file systems may lack locks.
"""

import os
import signal
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

VARIABLE = "FER_LIFELINE"
CHECK_SECONDS = 1.0
"""Time between two checks of the lock."""
REPEAT_SECONDS = 5.0
"""Time after which a process that was asked to stop is asked again."""


class Lifeline:
    """Holds the lock from construction to the end of the `with` block.

    environment: the variables that children need so that `watch` finds the lock.
    """

    def __init__(self) -> None:
        handle, name = tempfile.mkstemp(prefix="fer-", suffix=".lock")
        os.close(handle)
        self.lock = FileLock(name)
        self.lock.acquire(timeout=0)
        self.environment = {VARIABLE: name}

    def __enter__(self) -> "Lifeline":
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()

    def let_go(self) -> None:
        """Releases the lock, which stops all children that are still running."""
        self.lock.release()
        with suppress(OSError):
            os.unlink(self.lock.lock_file)


def watch() -> None:
    """Makes this process stop, as on SIGTERM, when its parent has ended; without a Lifeline it does nothing."""
    if VARIABLE in os.environ:
        threading.Thread(target=stop_with_parent, args=(Path(os.environ[VARIABLE]),), daemon=True).start()


def stop_with_parent(lock: Path) -> None:
    """Waits until no process holds `lock`, then asks this process to stop, repeatedly."""
    while is_held(lock):
        time.sleep(CHECK_SECONDS)
    while True:
        if os.name == "nt":
            signal.raise_signal(signal.SIGTERM)  # os.kill would end the process before it has saved
        else:
            os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(REPEAT_SECONDS)


def is_held(path: Path) -> bool:
    """Whether any process holds the lock."""
    if not path.exists():
        return False
    try:
        with FileLock(path).acquire(timeout=0):
            return False
    except Timeout:
        return True
