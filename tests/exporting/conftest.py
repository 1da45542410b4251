"""Faces for the networks that are exported."""

import numpy as np
import pytest


@pytest.fixture
def faces(grey_faces) -> np.ndarray:
    return grey_faces
