"""The parts of fer.search: space, study, storage, workers."""
