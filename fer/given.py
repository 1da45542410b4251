"""Stands in a checkpoint for a network that was given as a module."""

from fer.errors import UserError

TARGET = "fer.given.given_module"


def given_module(**_: object) -> None:
    """Raises UserError: only the weights of such a network are in its checkpoint."""
    raise UserError(
        "its network was given as a module, of which a checkpoint holds the weights only; "
        "Classifier.load_from_checkpoint(PATH, model=MODULE) loads it"
    )
