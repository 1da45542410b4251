"""Imports PyAV (FFmpeg) on demand, with a one-line error if it is missing."""

from fer.errors import UserError
from fer.prediction.opencv import INSTALL


def pyav():
    """Returns the module av. Raises UserError if it is missing."""
    try:
        import av
        import av.error
    except ModuleNotFoundError:
        raise UserError(f"PyAV, which reads and writes videos, is not installed: {INSTALL}") from None
    return av
