"""Journal file of a search on one machine."""

import os
from pathlib import Path
from typing import Any

from filelock import FileLock
from optuna.storages.journal import JournalFileBackend

LONGEST_LINE = 1_000_000  # bytes


class KernelLock:
    """A lock that ends with its process; Optuna's own locks outlive a killed one."""

    def __init__(self, path: str):
        self.lock = FileLock(path)

    def acquire(self) -> bool:
        self.lock.acquire()
        return True

    def release(self) -> None:
        self.lock.release()


class Journal(JournalFileBackend):
    """A journal that stays readable when a process dies, or the disk fills up, in the middle of a line."""

    def __init__(self, path: Path):
        self.path, self.kernel_lock = path, KernelLock(f"{path}.lock")
        # Optuna's base class of locks is not public.
        super().__init__(str(path), self.kernel_lock)  # pyright: ignore[reportArgumentType]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        with self.kernel_lock.lock:  # a FileLock is reentrant: the parent class acquires it again
            self.remove_incomplete_line()
            super().append_logs(logs)

    def remove_incomplete_line(self) -> None:
        """Removes a last line without a line end; nobody has read it."""
        with self.path.open("rb+") as file:
            size = file.seek(0, os.SEEK_END)
            start = max(0, size - LONGEST_LINE)
            file.seek(start)
            tail = file.read()
            if tail and not tail.endswith(b"\n"):
                file.truncate(start + tail.rfind(b"\n") + 1)
