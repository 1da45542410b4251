"""Coordinates of drawn faces, and the coverage of shapes on the grid of pixels."""

from types import SimpleNamespace

import numpy as np

from fer.data.faces import SIZE
from fer.data.strokes import length, ramp


class Canvas:
    """The grid on which N faces are drawn, and the outline of their heads.

    face: parameters, each (N, 1, 1) float32; lengths in units, tones from 0 (black) to 1 (white), amounts from 0 to 1;
    besides `clouds` and `streaks`, (N, 48, 48) float32 from 0 to 1, the mottling of skin and wall and of hair.
    Their names and ranges stand in `fer.data.synthetic` and, for what moves, in `fer.data.action_units`.
    """

    def __init__(self, face: SimpleNamespace):
        self.face = face
        axis = ((np.arange(SIZE) + 0.5) / (SIZE / 2) - 1).astype(np.float32)
        self.x, self.y = axis[None, None, :], axis[None, :, None]
        x, y = self.x - face.shift_x, self.y - face.shift_y
        half = 1 + face.roll**2  # roll is the tangent of half the angle, which spares sin and cos
        cos, sin = (1 - face.roll**2) / half, 2 * face.roll / half
        self.u, self.v = (cos * x + sin * y) / face.scale, (cos * y - sin * x) / face.scale
        self.pixels = SIZE / 2 * face.scale  # a unit
        self.low = face.open_low + face.lip_low  # from the middle of the mouth to the lower edge of the lips
        self._turn()

    def _turn(self):
        """Computes the outline of the head and the coordinates of the features on it."""
        face, u, v = self.face, self.u, self.v
        below = v > 0
        width = face.width * (1 - face.jaw * np.where(below, np.square(v), 0))
        radius = length(u / width, v / np.where(below, face.chin, face.top))
        self.head = self.fill((radius - 1) * face.width)
        self.depth = np.sqrt(np.maximum(1 - np.square(radius), 0))
        self.fu, self.fv = u - face.yaw * self.depth, v - face.pitch * self.depth + face.crooked * u
        self.m, self.side = np.abs(self.fu), np.copysign(np.float32(1), self.fu)  # both halves are drawn at once

    def fill(self, distance, soft=1.0) -> np.ndarray:
        """Returns the coverage of a shape, 0 to 1.

        distance: to its edge, negative inside. soft: width of the edge in pixels.
        """
        return ramp(0.5 - distance * (self.pixels / soft))

    def line(self, distance, half_width) -> np.ndarray:
        """Returns the coverage of a stroke, 0 to 1; a stroke thinner than a pixel is paler instead."""
        width = half_width * self.pixels
        return np.clip(0.5 + width - np.abs(distance) * self.pixels, 0, np.minimum(2 * width, 1))
