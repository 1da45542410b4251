"""The choices of test-time augmentation, for `classifier.tta` and `--tta`."""

VIEWS = {"none": 1, "flip": 2, "fivecrop": 5, "tencrop": 10, "affine": 8}
"""Name -> number of views of each face; see `fer.views.views` for what they are."""
EXPECTED = f"{', '.join(list(VIEWS)[:-1])} or {list(VIEWS)[-1]}"
