"""From whatever lies on disk to batches of faces."""
