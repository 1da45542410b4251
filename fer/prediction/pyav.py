"""Imports PyAV (FFmpeg) on demand, with one line where it is missing."""

from fer.errors import UserError
from fer.prediction.opencv import INSTALL


def pyav():
    """The module av. Raises UserError where it is missing."""
    try:
        import av
    except ModuleNotFoundError:
        raise UserError(f"PyAV reads and writes videos, and is missing: {INSTALL}") from None
    return av
