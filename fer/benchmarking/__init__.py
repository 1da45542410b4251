"""The parts of `python -m fer.benchmark`: several training loops that do the same work, timed side by side."""

COLUMNS = ("ceiling", "whole", "default", "keras")
"""The training loops, in the order of the tables."""
AXES = {"batch_size": "batch size", "threads": "threads", "width": "factor on all widths", "data": "training images"}
"""Value of the option `growth` -> label of its axis."""
