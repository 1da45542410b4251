"""Data sets on disk to batches of faces."""
