"""Draws what lies on the skin of a face: nose, wrinkles, beard, mouth, eyes, brows."""

import numpy as np

from fer.data.canvas import Canvas
from fer.data.strokes import bump, length, over, ramp


class Features(Canvas):
    """Each method maps the tone of the skin to that with one more feature, both (N, 48, 48)."""

    def blush(self, skin):
        return skin * (1 - 0.1 * bump((self.m - 0.52) / 0.25, (self.fv - self.face.nose) / 0.2))

    def nose(self, skin):
        face, m = self.face, self.m
        v = self.fv - face.nose + 0.07 * face.au9
        nostril = bump((m - 0.085) / 0.08, (v - 0.075) / 0.05)
        wing = self.line(length(m - 0.11, v) - 0.1, 0.016) * ramp((m - 0.13) * 15) * ramp((v + 0.08) * 10)
        rows = bump((self.fv - face.eye_y) / 0.035) + bump((self.fv - face.eye_y - 0.1) / 0.035)
        skin = skin * (1 - 0.75 * nostril) * (1 - (0.25 + 0.3 * face.au9 + 0.2 * face.au10) * wing)
        return skin * (1 - 0.5 * ramp(face.au9) * bump(m / 0.16) * rows)

    def wrinkles(self, skin):
        for crease in (self.fold(), self.forehead(), self.crow_feet(), self.chin()):
            skin = skin * (1 - 0.75 * ramp(crease))
        return skin

    def fold(self):
        """Returns the depth of the fold from the wings of the nose to the corners of the mouth."""
        face = self.face
        start, end = face.nose - 0.03 - 0.05 * face.au9, face.mouth_y + np.minimum(face.corner, 0.05) + 0.05
        t = (self.fv - start) / (end - start)
        away = self.m - (0.18 + (face.mouth_width - 0.1) * t + 0.08 * t * (1 - t))
        shape = (bump(away / 0.11) + 0.7 * bump(away / 0.04)) * bump((t - 0.5) / 0.62)
        return shape * (0.08 + 0.25 * face.age + 0.3 * face.au12 + 0.4 * face.au10 + 0.25 * face.au9 + 0.2 * face.au11)

    def forehead(self):
        face, m, v = self.face, self.m, self.fv - self.face.brow_y
        frown = bump((m - 0.07) / 0.05, (v - 0.03) / 0.17) * 0.55 * face.au4
        row = v + 0.17 - 0.04 * bump(m / 0.4)
        rows = (self.line(row, 0.016) + self.line(row + 0.13, 0.016)) * bump(m / 0.6)
        return frown + rows * (0.4 * face.au1 * (0.3 + face.au2) + 0.3 * face.age)

    def crow_feet(self):
        face, v = self.face, self.fv - self.face.eye_y
        out = self.m - face.eye_x - face.eye_width
        rays = self.line(v - 0.2 * out, 0.012) + self.line(v - 0.05 - 0.6 * out, 0.012)
        return rays * bump((out - 0.09) / 0.09) * (0.4 * face.au6 + 0.3 * face.age)

    def chin(self):
        face = self.face
        dip = self.fv - face.mouth_y - self.low - 0.13 + 0.3 * np.square(self.m)
        return bump(self.m / 0.33, dip / 0.06) * (0.12 + 0.3 * face.au17)

    def beard(self, skin):
        face, m, v = self.face, self.m, self.fv
        hair = face.hair_tone * (0.8 + 0.4 * face.streaks)
        edge = face.mouth_y - 0.1 * m + (self.low + 0.22) * bump(m / (face.mouth_width + 0.2))
        lip = v - (face.nose + face.mouth_y) / 2 - 0.08 - 0.12 * m
        skin = over(skin, hair, face.beard * self.fill(edge - v, 4))
        return over(skin, hair, face.moustache * ramp(2 * bump(m / (face.mouth_width + 0.05), lip / 0.11)))

    def mouth(self, skin):
        face, v = self.face, self.fv
        s = self.fu / face.mouth_width
        arch = np.maximum(1 - np.square(s), 0)
        oval = np.sqrt(arch)
        middle = face.mouth_y + face.corner * np.square(np.minimum(np.abs(s), 1.3))
        upper, lower = middle - face.open_up * arch, middle + face.open_low * over(arch, oval, face.round)
        top = upper - face.lip_up * arch * (1 - 0.35 * bump(s / 0.25))
        bottom = lower + face.lip_low * oval * arch
        ends, parted = self.fill((np.abs(s) - 1) * face.mouth_width), face.open_up + face.open_low
        lip = over(face.lip_tone, face.lip_tone * 1.25, bump(s / 0.6, (v - (lower + bottom) / 2) / 0.06))
        lip = lip * np.where(v < middle, np.float32(0.8), np.float32(1))
        skin = over(skin, lip, ends * np.minimum(self.fill(top - v), self.fill(v - bottom)))
        hole = ends * np.minimum(self.fill(upper - v), self.fill(v - lower)) * ramp(parted * 24 - 0.3)
        skin = over(skin, self.inside(s, upper, lower), hole)
        skin = over(skin, 0.08, 0.7 * ends * self.line(upper - v, 0.012) * ramp(parted * 15))
        skin = over(skin, 0.1, 0.75 * ends * self.line(v - middle, 0.02) * (1 - ramp(parted * 15)))
        return skin * (1 - 0.4 * bump((np.abs(s) - 1) / 0.16, (v - middle) / 0.07))

    def inside(self, s, upper, lower):
        """Returns the tones inside the mouth: tongue and teeth in the dark."""
        face, v = self.face, self.fv
        tongue = bump(s / 0.9, (v - lower) / (0.6 * face.open_low + 0.02))
        row = self.fill(v - upper - face.teeth) * ramp(face.teeth * 20)
        row = np.maximum(row, self.fill(lower - 0.6 * face.teeth - v) * face.under)
        gap = np.float32(0.12) * ((self.m / 0.085) % 1 < 0.3)
        return over(over(0.06, 0.42 * face.skin, tongue), (1.05 - 0.3 * np.square(s)) * (1 - gap), row)

    def eyes(self, skin):
        face, v = self.face, self.fv
        s = (self.m - face.eye_x) / face.eye_width
        arch = np.maximum(1 - np.square(s), 0)
        upper = face.eye_y - face.eye_tilt * s - face.lid_up * arch
        lower = face.eye_y - face.eye_tilt * s + face.lid_low * arch
        ends = (np.abs(s) - 1) * face.eye_width
        crease = self.line(v - upper + 0.075 - 0.02 * face.au5, 0.014) * bump(s / 1.3)
        bag = self.line(v - lower - 0.07, 0.02) * bump(s / 1.3)
        skin = skin * (1 - 0.45 * crease)
        skin = skin * (1 - (0.12 + 0.4 * face.age + 0.3 * face.au6 + 0.2 * face.au7) * bag)
        opening = np.minimum(self.fill(upper - v), self.fill(v - lower)) * self.fill(ends)
        skin = over(skin, self.eyeball(upper), opening)
        skin = over(skin, 0.06, 0.9 * self.line(v - upper, face.lash) * self.fill(ends - 0.06 * face.eye_width))
        return over(skin, 0.15, 0.35 * self.line(v - lower, 0.012) * (np.abs(s) < 1))

    def eyeball(self, upper):
        face = self.face
        u = self.m - face.eye_x - self.side * face.gaze_x
        v = self.fv - face.eye_y - face.gaze_y
        white = 0.92 - 0.25 * bump((self.fv - upper) / 0.09)  # in the shadow of the lid
        ball = over(white, face.iris, self.fill(length(u, v) - face.iris_size))
        ball = over(ball, 0.04, self.fill(length(u, v) - 0.5 * face.iris_size))
        return over(ball, 1.0, 0.9 * self.fill(length(u + 0.035 * self.side, v + 0.04) - 0.028))

    def brows(self, skin):
        face = self.face
        half = (face.brow_out - face.brow_in) / 2
        t = ramp((self.m - face.brow_in) / (2 * half))
        curve = face.brow_inner * np.square(1 - t) + face.brow_outer * t - face.brow_arch * 4 * t * (1 - t)
        hairs = self.line(self.fv - face.brow_y - curve, face.brow_thick * (1 - 0.65 * np.square(t)))
        return over(
            skin, face.brow_tone, face.brow_alpha * hairs * self.fill(np.abs(self.m - face.brow_in - half) - half, 2)
        )
