"""The command that fer.search starts for each worker.

The first line of its standard input is the plan as JSON. The input stays open while fer.search lives: its end, or
SIGTERM, makes the worker save its run, requeue its trial and end.
"""

import json
import os
import signal
import sys
import threading
from types import ModuleType

from fer import config, streams
from fer.errors import SIGNALS, Interrupted, UserError
from fer.searching.plan import Plan


def stop_on_signals(stopping: threading.Event) -> None:
    """Makes SIGTERM, Ctrl-C and the end of the standard input set `stopping`."""
    for number in SIGNALS:
        signal.signal(number, lambda *_: stopping.set())

    def wait_for_end_of_input() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)  # which also reaches a training in progress

    threading.Thread(target=wait_for_end_of_input, daemon=True).start()


def import_training() -> ModuleType:
    """Imports torch and all that trains; tests replace it."""
    from fer.searching import training

    return training


def main() -> None:
    streams.harden()
    with open(0, "rb", buffering=0, closefd=False) as stdin:  # unbuffered, since the thread reads the rest
        line = stdin.readline()
    plan, stopping = Plan(**json.loads(line)), threading.Event()
    stop_on_signals(stopping)
    from fer.searching import storage, worker  # slow imports, which a signal may interrupt

    try:
        training = import_training()
        with storage.storage_errors():
            search_worker = worker.Worker(plan, stopping, training.train)
            training.check_data(plan, search_worker.study)
            search_worker.work()
    except UserError as error:
        sys.exit(config.fail(str(error)))
    except Interrupted as error:
        sys.exit(128 + error.number)


if __name__ == "__main__":
    main()
