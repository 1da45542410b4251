"""Draws what lies around and in front of a head: wall, hair, ears, glasses, and what hides a part of the face."""

import numpy as np

from fer.data.canvas import Canvas
from fer.data.strokes import bump, length, over, ramp


class Surroundings(Canvas):
    """Each method maps a picture to one with one more thing in it, both (N, 48, 48)."""

    def wall(self):
        face = self.face
        return face.wall + face.wall_x * self.x + face.wall_y * self.y + face.wall_clouds * (face.clouds - 0.5)

    def skull(self, volume):
        """Returns the signed distance to the outline of the hair, which is open downwards."""
        face = self.face
        return length(self.u / (face.width + volume), np.minimum(self.v + 0.2, 0) / (face.top - 0.2 + face.volume)) - 1

    def behind(self, image):
        """Adds the hair at the back, ears, shoulders and neck."""
        face, u, v = self.face, self.u, self.v
        back = self.fill(np.maximum(self.skull(face.volume), v - face.length))
        image = over(image, 0.7 * face.hair_tone * (0.6 + 0.8 * face.streaks), face.haired * back)
        ear = length((np.abs(u + 0.25 * face.yaw) - face.width) / 0.12, (v - 0.02) / 0.24) - 1
        image = over(image, face.skin * (0.75 - 0.3 * bump(ear + 0.6)), face.ears * self.fill(0.12 * ear))
        image = over(image, face.cloth, self.fill(1.15 + 0.1 * np.abs(u) - v))
        neck = self.fill(np.maximum(np.abs(u) - 0.5 - 0.3 * ramp(v - 1), 0.4 - v))
        return over(image, face.skin * (0.5 + 0.2 * ramp((v - face.chin) * 2)), neck)

    def fringe(self, image):
        face, u, v = self.face, self.u, self.v
        tuft = face.streaks - 0.5
        hairline = face.hairline + face.parting * u + 0.35 * np.square(u) + face.ragged * tuft
        sides = self.fill(face.width - face.curtain - np.abs(u) + 0.06 * tuft, 2) * (v < face.length)
        cover = np.minimum(np.maximum(self.fill(v - hairline, 2), sides), self.fill(self.skull(0.6 * face.volume)))
        gloss = 0.55 + 0.7 * face.streaks + face.gloss * bump((v + 0.95 - 0.3 * np.square(u)) / 0.22)
        return over(image, face.hair_tone * gloss, face.haired * cover)

    def glasses(self, image):
        face = self.face
        u, v = self.m - face.eye_x, self.fv - face.eye_y
        du, dv = u / 1.2, v - 0.03
        box = np.sqrt(length(np.square(du), np.square(dv * 1.15)))  # a rounded square
        frame = self.line(box - 0.24, face.rim)
        frame = np.maximum(frame, self.line(v + 0.02, face.rim) * (u < -0.27))
        frame = np.maximum(frame, self.line(v + 0.05, face.rim) * (u > 0.27) * self.head)
        image = over(image, 1.0, face.glasses * 0.15 * self.fill(box - 0.23) * bump((du + dv) / 0.12))
        return over(image, face.rim_tone, face.glasses * frame)

    def bar(self, image):
        face = self.face
        away = np.maximum(np.abs(self.x - face.bar_x) - face.bar_width, np.abs(self.y - face.bar_y) - face.bar_height)
        return over(image, face.bar_tone, face.bar * self.fill(away))

    def scarf(self, image):
        face = self.face
        knit = 0.7 + 0.5 * face.streaks + 0.15 * bump((self.v * 6 + self.u) % 2 - 1)
        return over(image, face.cloth * knit, face.scarf * self.fill(face.scarf_y - 0.25 * np.square(self.u) - self.v))

    def strand(self, image):
        face = self.face
        away = np.abs(self.u - face.strand_x - 0.35 * face.hand_side * np.square(self.v + 0.9)) - 0.13 * (1.2 - self.v)
        lock = self.fill(np.maximum(away, self.v - 0.6), 2)
        return over(image, face.hair_tone * (0.6 + 0.7 * face.streaks), face.strand * lock)

    def hand(self, image):
        face = self.face
        u, v = face.hand_side * self.u - face.hand_x, self.v - face.hand_y
        u, v = u + 0.35 * v, v - 0.35 * u
        for finger, reach in enumerate((0.36, 0.42, 0.4, 0.3)):
            away = length(u - 0.16 * finger + 0.24, v - np.clip(v, 0.1 - reach, 0.6))
            tone = face.skin * (0.95 - 0.5 * np.square(ramp(away / 0.09)))
            image = over(image, tone, face.hand * self.fill(away - 0.09))
        return image
