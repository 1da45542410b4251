"""Tells in which direction the figure that a run watches is better."""


def mode_of(monitor: str | None) -> str:
    """Returns "min" for a figure whose best value is the smallest (losses), else "max"."""
    return "min" if "loss" in str(monitor) else "max"
