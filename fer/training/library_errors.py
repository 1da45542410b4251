"""Answers with one line what a library refuses only while a run trains, such as an argument of a callback."""

import os
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from lightning.fabric.utilities.exceptions import MisconfigurationException

from fer.build import reason
from fer.config import OURS, TRACEBACKS
from fer.errors import UserError

LIBRARIES = re.compile(r".*[/\\](lightning|wandb|mlflow|torch[/\\]optim|timm[/\\](optim|scheduler))[/\\].*")
"""Files whose errors are about an option: their code is not the user's, and it is not the network's."""
CARRIERS = re.compile(r".*[/\\](torch|contextlib\.py|functools\.py)([/\\].*)?|<.*")
"""Files that only pass on what their caller gave them."""
REMEDIES = {
    "view size is not compatible": "channels_last=false keeps tensors contiguous",
    "Expected more than 1 value per channel": "BatchNorm needs two pictures: data.batch_size=2, or model.norm=group",
}
"""Part of a message -> what to type."""


@contextmanager
def library_errors() -> Iterator[None]:
    """Raises UserError for an error that a library raises about an option, and for those in REMEDIES.

    With HYDRA_FULL_ERROR=1 the error itself.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        remedy = next((words for part, words in REMEDIES.items() if part in str(error)), "")
        if wants_traceback() or isinstance(error, OSError) or not (remedy or is_refusal(error)):
            raise
        message = " ".join(str(reason(error)).split())
        raise UserError(f"{message}; {remedy}" if remedy else message) from error


def is_refusal(error: Exception) -> bool:
    """Whether the code that raised an error is that of a library in LIBRARIES."""
    if isinstance(error, MisconfigurationException):
        return True
    files = [frame.filename for frame in reversed(traceback.extract_tb(error.__traceback__))]
    first = next((file for file in files if LIBRARIES.fullmatch(file) or not CARRIERS.fullmatch(file)), "")
    return LIBRARIES.fullmatch(first) is not None


def wants_traceback() -> bool:
    return os.environ.get(TRACEBACKS) == "1" and OURS not in os.environ
