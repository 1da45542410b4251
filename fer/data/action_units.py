"""Facial action units of the seven expressions, for the drawn faces: which muscles move, how often and how far.

A face is described in FACS (Ekman & Friesen, "Facial Action Coding System", 1978) by the intensity of its action
units: AU12, say, pulls the lip corners up. The prototypes follow EMFACS (Friesen & Ekman, 1983) and the emotion table
of CK+ (Lucey et al., "The Extended Cohn-Kanade Dataset", CVPR workshops 2010).
"""

import numpy as np

from fer.data.emotions import EMOTIONS

# 1 inner brow up       2 outer brow up      4 brows down, together   5 upper lid up       6 cheeks up
# 7 lids tight          9 nose wrinkled     10 upper lip up          11 fold deepened     12 lip corners up
# 15 lip corners down  16 lower lip down    17 chin up               20 lips stretched    23 lips tight
# 24 lips pressed      25 lips apart        26 jaw dropped           27 mouth stretched   43 lids drooping
# unit: (how often it takes part, how far it goes at full strength)
PROTOTYPES: dict[str, dict[int, tuple[float, float]]] = {
    "angry": {
        **{4: (1, 1.0), 5: (0.6, 0.6), 7: (0.9, 0.8), 9: (0.25, 0.5), 10: (0.3, 0.6), 17: (0.5, 0.5)},
        **{20: (0.15, 0.5), 23: (0.85, 0.9), 24: (0.6, 0.8), 25: (0.2, 0.7)},
    },
    "disgust": {
        **{4: (0.8, 0.7), 6: (0.3, 0.4), 7: (0.6, 0.6), 9: (0.85, 0.9), 10: (0.85, 0.9), 15: (0.5, 0.6)},
        **{16: (0.4, 0.6), 17: (0.5, 0.6), 25: (0.4, 0.5)},
    },
    "fear": {
        **{1: (1, 0.9), 2: (0.85, 0.6), 4: (0.9, 0.8), 5: (0.95, 1.0), 7: (0.2, 0.3), 20: (0.8, 1.0)},
        **{25: (0.85, 0.9), 26: (0.7, 0.7), 27: (0.15, 0.5)},
    },
    "happy": {6: (0.85, 0.9), 7: (0.2, 0.4), 12: (1, 1.0), 25: (0.7, 0.9), 26: (0.3, 0.5)},
    "sad": {
        **{1: (0.95, 0.9), 4: (0.7, 0.7), 6: (0.2, 0.3), 11: (0.3, 0.6), 15: (0.9, 0.8), 17: (0.7, 0.8)},
        **{25: (0.1, 0.4), 43: (0.7, 0.5)},
    },
    "surprise": {1: (1, 0.9), 2: (1, 1.0), 5: (0.8, 0.9), 25: (0.9, 0.8), 26: (0.9, 0.9), 27: (0.65, 0.9)},
    "neutral": {},
}
UNITS = tuple(sorted({unit for units in PROTOTYPES.values() for unit in units}))
TABLE = np.array([[PROTOTYPES[name].get(unit, (0, 0)) for unit in UNITS] for name in EMOTIONS])  # (7, units, 2)

STRENGTH = (0.35, 1.15)  # drawn once for each picture; 1 is the full expression
STRAY = (0.12, 0.35)  # frequency and largest intensity of units outside of the expression


def action_units(emotions: np.ndarray, rng: np.random.Generator) -> dict[int, np.ndarray]:
    """Returns unit -> intensity, (N,) float64 from 0 to 1.2, for (N,) codes of emotions.

    The number of values drawn from `rng` depends on N alone: another emotion in one picture changes no other picture.
    """
    frequency, reach = np.moveaxis(TABLE[emotions], -1, 0)
    strength = STRENGTH[0] + (STRENGTH[1] - STRENGTH[0]) * rng.random((len(emotions), 1))
    presence, vigour, stray_presence, stray_reach = rng.random((4, len(emotions), len(UNITS)))
    intended = (presence < frequency) * reach * strength * (0.6 + 0.6 * vigour)
    stray = (stray_presence < STRAY[0]) * STRAY[1] * stray_reach
    return dict(zip(UNITS, np.minimum(np.maximum(intended, stray), 1.2).T, strict=True))


def pull(face: dict[str, np.ndarray], au: dict[int, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the parameters of faces at rest, each (N,), moved by action units, as `fer.data.portrait` takes them."""
    moved = face | {f"au{unit}": intensity for unit, intensity in au.items()}
    for region in (_brows, _lids, _mouth):
        moved |= region(moved, au)
    return moved


def _brows(face, au):
    return {
        "brow_y": face["brow_y"] - 0.04 * au[2] + 0.04 * au[4] + 0.02 * au[9],
        "brow_in": face["brow_in"] - 0.07 * au[4],
        "brow_arch": face["brow_arch"] + 0.03 * au[2],
        "brow_inner": -0.13 * au[1] + 0.14 * au[4] + 0.06 * au[9] - 0.07 * au[1] * au[4],
        "brow_outer": -0.14 * au[2],
    }


def _lids(face, au):
    up = 1 + 0.55 * au[5] - 0.3 * au[6] - 0.25 * au[7] - 0.25 * au[9] - 0.75 * au[43]
    low = 1 + 0.2 * au[5] - 0.7 * au[6] - 0.5 * au[7] - 0.4 * au[9]
    return {
        "lid_up": face["lid_up"] * np.maximum(up, 0.1),
        "lid_low": face["lid_low"] * np.maximum(low, 0.05),
        "eye_tilt": face["eye_tilt"] - 0.02 * au[1] * au[4],
    }


def _mouth(face, au):
    thin = np.maximum(1 - 0.55 * (au[23] + au[24]) - 0.2 * (au[12] + au[20]), 0.15)
    apart = au[25] * (0.05 + 0.09 * au[12] + 0.05 * au[16])
    width = 1 + 0.35 * au[12] + 0.3 * au[20] - 0.3 * au[27] - 0.12 * au[23] - 0.1 * au[17]
    lift = -0.17 * au[12] + 0.13 * au[15] + 0.03 * au[20] + 0.04 * au[10] + 0.02 * au[17]
    return {
        "mouth_y": face["mouth_y"] + 0.05 * au[12] - 0.03 * (au[17] + au[10]) + 0.03 * au[27],
        "mouth_width": face["mouth_width"] * width,
        "corner": face["corner"] + lift,
        "open_up": 0.03 * au[25] + 0.07 * au[10] * au[25] + 0.03 * au[27],
        "open_low": apart + 0.1 * au[26] + 0.17 * au[27],
        "round": np.minimum(0.5 * au[26] + au[27], 1),
        "lip_up": face["lip_up"] * thin * (1 + 0.3 * au[10]),
        "lip_low": face["lip_low"] * thin * (1 + 0.2 * au[17] + 0.3 * au[16]),
        "teeth": 0.11 * au[25] * np.minimum(au[12] + 0.7 * au[20] + au[10] + au[16] + 0.3 * au[26], 1),
        "under": np.clip(au[20] + au[16] + au[10] - 0.4, 0, 1) * np.minimum(3 * au[25], 1),  # lower teeth
        "chin": face["chin"] + 0.08 * au[26] + 0.12 * au[27],
    }
