"""Draws faces with NumPy: parameters in, a batch of 48×48 pictures out.

Coordinates: 1 is half the width of the picture at scale 1; u grows to the right, v downwards, and the origin lies
between the eyes and the tip of the nose. Shapes are signed distances whose edge is one pixel soft, so no finer grid is
needed. The head is an ellipsoid: turning it slides the features over its front. Light falls on a height field of
head, nose, cheeks, sockets, lips and chin (Lambert's law).

Only + − × ÷, square roots and comparisons are used. IEEE 754 fixes their last bit, unlike that of exp, sin or a matrix
product, so a picture should have the same bytes on every machine.
"""

import numpy as np

from fer.data.portrait_features import Features
from fer.data.portrait_surroundings import Surroundings
from fer.data.strokes import bump, over


class Portrait(Features, Surroundings):
    """N faces on one grid; see `Canvas` for their parameters."""

    def paint(self) -> np.ndarray:
        """Returns the light that reaches the camera, (N, 48, 48) float32, about 0 to 1."""
        face = self.face
        skin = face.skin * (0.96 + 0.08 * face.clouds)
        for part in (self.blush, self.nose, self.wrinkles, self.beard, self.mouth, self.eyes, self.brows):
            skin = part(skin)
        image = over(self.behind(self.wall()), skin * self.light(), self.head)
        for part in (self.fringe, self.glasses, self.bar, self.scarf, self.strand, self.hand):
            image = part(image)
        return image

    def light(self) -> np.ndarray:
        """Returns the share of the light that each point of the head reflects."""
        face = self.face
        down, across = np.gradient(self.relief(), axis=(1, 2))
        down, across = down * self.pixels, across * self.pixels
        facing = face.light_z - face.light_x * across - face.light_y * down
        facing = np.maximum(facing, 0) / np.sqrt(1 + np.square(across) + np.square(down))
        return face.ambient + (1 - face.ambient) * facing

    def relief(self) -> np.ndarray:
        """Returns the height of the head towards the camera, in units."""
        face, m, v = self.face, self.m, self.fv
        nose, cheek = v - face.nose, 0.07 + 0.12 * face.au6 + 0.05 * face.au12
        z = 0.75 * self.depth
        z += 0.11 * bump(m / 0.24, (nose + 0.25) / 0.5) + 0.13 * bump(m / 0.22, nose / 0.18)
        z += 0.06 * bump((m - 0.13) / 0.12, (nose - 0.02) / 0.12)
        z += cheek * bump((m - 0.5) / 0.38, (nose + 0.05 + 0.08 * face.au6) / 0.33)
        z -= 0.09 * bump((m - face.eye_x) / 0.36, (v - face.eye_y) / 0.25)
        z += 0.05 * bump(m / 0.7, (v - face.eye_y + 0.3) / 0.2)
        z += 0.07 * bump(m / 0.5, (v - face.mouth_y) / 0.25)
        z -= 0.05 * bump(m / 0.35, (v - face.mouth_y - self.low - 0.16) / 0.1)
        z += (0.06 + 0.05 * face.au17) * bump(m / 0.3, (v - face.chin + 0.2) / 0.2)
        return z
