"""The parts of `python -m fer.benchmark`: columns that do the same work in different ways, timed side by side."""
