"""The parts of `python -m fer.benchmark`: several training loops that do the same work, timed side by side."""
