"""Draws faces with NumPy: parameters in, a batch of 48×48 pictures out.

Coordinates: 1 is half the width of the picture at scale 1; u grows to the right, v downwards, and the origin lies
between the eyes and the tip of the nose. Shapes are signed distances whose edge is one pixel soft, so no finer grid is
needed. The head is an ellipsoid: turning it slides the features over its front. Light falls on a height field of
head, nose, cheeks, sockets, lips and chin (Lambert's law).

Only + − × ÷, square roots and comparisons are used. IEEE 754 fixes their last bit, unlike that of exp, sin or a matrix
product, so a picture should have the same bytes on every machine.
"""

from types import SimpleNamespace

import numpy as np

from fer.data.faces import SIZE


def over(image: np.ndarray, tone, alpha) -> np.ndarray:
    """Paint `tone` on the picture as far as alpha, 0 to 1, covers it."""
    return image + alpha * (tone - image)


def bump(x, y=0.0) -> np.ndarray:
    """A smooth hill: 1 at the origin, 0 from radius 1 on."""
    return np.square(np.maximum(1 - np.square(x) - np.square(y), 0))


def ramp(x) -> np.ndarray:
    return np.clip(x, 0, 1)


def length(x, y) -> np.ndarray:
    return np.sqrt(np.square(x) + np.square(y))  # np.hypot is the C library's: not the same everywhere


class Portrait:
    """N faces on one grid.

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
        """Outline of the head, and the coordinates of the features on it."""
        face, u, v = self.face, self.u, self.v
        below = v > 0
        width = face.width * (1 - face.jaw * np.where(below, np.square(v), 0))
        radius = length(u / width, v / np.where(below, face.chin, face.top))
        self.head = self.fill((radius - 1) * face.width)
        self.depth = np.sqrt(np.maximum(1 - np.square(radius), 0))
        self.fu, self.fv = u - face.yaw * self.depth, v - face.pitch * self.depth + face.crooked * u
        self.m, self.side = np.abs(self.fu), np.copysign(np.float32(1), self.fu)  # both halves are drawn at once

    def fill(self, distance, soft=1.0) -> np.ndarray:
        """Coverage of a shape by its signed distance, negative inside; `soft` is the width of the edge in pixels."""
        return ramp(0.5 - distance * (self.pixels / soft))

    def line(self, distance, half_width) -> np.ndarray:
        """Coverage of a stroke; one thinner than a pixel is paler instead."""
        width = half_width * self.pixels
        return np.clip(0.5 + width - np.abs(distance) * self.pixels, 0, np.minimum(2 * width, 1))

    def paint(self) -> np.ndarray:
        """(N, 48, 48) float32 light, about 0 to 1, as it reaches the camera."""
        face = self.face
        skin = face.skin * (0.96 + 0.08 * face.clouds)
        for part in (self.blush, self.nose, self.wrinkles, self.beard, self.mouth, self.eyes, self.brows):
            skin = part(skin)
        image = over(self.behind(self.wall()), skin * self.light(), self.head)
        for part in (self.fringe, self.glasses, self.bar, self.scarf, self.strand, self.hand):
            image = part(image)
        return image

    def light(self) -> np.ndarray:
        """Share of the light that each point of the head sends back."""
        face = self.face
        down, across = np.gradient(self.relief(), axis=(1, 2))
        down, across = down * self.pixels, across * self.pixels
        facing = face.light_z - face.light_x * across - face.light_y * down
        facing = np.maximum(facing, 0) / np.sqrt(1 + np.square(across) + np.square(down))
        return face.ambient + (1 - face.ambient) * facing

    def relief(self) -> np.ndarray:
        """Height of the head towards the camera, in units."""
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

    # ------------------------------------------------------------------------------------------- on the face

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
        """From the wings of the nose to the corners of the mouth."""
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
        """Tongue and teeth in the dark."""
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

    # --------------------------------------------------------------------------------------- around the face

    def wall(self):
        face = self.face
        return face.wall + face.wall_x * self.x + face.wall_y * self.y + face.wall_clouds * (face.clouds - 0.5)

    def skull(self, volume):
        """Signed distance of the hair's outline, open downwards."""
        face = self.face
        return length(self.u / (face.width + volume), np.minimum(self.v + 0.2, 0) / (face.top - 0.2 + face.volume)) - 1

    def behind(self, image):
        """The hair at the back, ears, shoulders and neck."""
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

    # ------------------------------------------------------------------------------------ in front of the face

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
