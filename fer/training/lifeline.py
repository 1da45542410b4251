"""Ends child processes when their parent ends, even if it is killed.

The parent holds a lock, which the system frees when the process ends, in whatever way. Children ask for it every
second. This works on every system, through processes in between, and for ranks that a child starts in turn. The lock
lies in the folder for temporary files, since network file systems may know no locks.
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
LOOK = 1.0
"""Seconds between looks at the lock."""
PATIENCE = 5.0
"""Seconds after which a process that was asked to stop is asked again."""


class Lifeline:
    """Holds the lock from its construction to the end of the `with` block.

    environment: what children need in theirs so that `watch` finds the lock.
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
        """Makes the children that still live stop."""
        self.lock.release()
        with suppress(OSError):
            os.unlink(self.lock.lock_file)


def watch() -> None:
    """Where this process has a Lifeline's environment: from now on it stops as on SIGTERM when the parent has ended."""
    if VARIABLE in os.environ:
        threading.Thread(target=stop_without, args=(Path(os.environ[VARIABLE]),), daemon=True).start()


def stop_without(lock: Path) -> None:
    """Waits for the end of the process that holds `lock`, then asks this one to stop until it does."""
    while held(lock):
        time.sleep(LOOK)
    while True:
        if os.name == "nt":
            signal.raise_signal(signal.SIGTERM)  # os.kill would end the process before it has saved
        else:
            os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(PATIENCE)


def held(path: Path) -> bool:
    """Whether a process holds the lock."""
    if not path.exists():
        return False
    try:
        with FileLock(path).acquire(timeout=0):
            return False
    except Timeout:
        return True
