"""The emotions of FER2013: codes, names and their spellings."""

import re

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""Index = FER2013's code (Goodfellow et al. 2013, "Challenges in Representation Learning")."""

WITH_CONTEMPT = (*EMOTIONS, "contempt")
"""FER2013's emotions and the eighth of FER+, AffectNet and CK+."""

USAGES = ("Training", "PublicTest", "PrivateTest")
"""Index = official role: fit, validation, test."""

ALIASES = {
    "angry": ("anger", "ang", "an"),
    "disgust": ("disgusted", "disgusting", "dis", "di"),
    "fear": ("fearful", "afraid", "scared", "fea", "fe"),
    "happy": ("happiness", "joy", "joyful", "hap", "ha"),
    "sad": ("sadness", "sa"),
    "surprise": ("surprised", "surprising", "sur", "su"),
    "neutral": ("neutrality", "calm", "neu", "ne"),
    "contempt": ("contemptuous",),
}

BEHIND = re.compile(r"([ _-]+(faces?|images?|imgs?|pictures?|pics|photos?|expressions?)|\s*\(\d+\))+")
"""What may follow the name of an emotion in that of a folder."""

_EMOTION_OF = {name: emotion for emotion, names in ALIASES.items() for name in (emotion, *names)}


def emotion_of(name: str) -> str | None:
    """Returns the one of `WITH_CONTEMPT` that a folder or label called `name` stands for, or None.

    Case, surrounding blanks, a number before the name, and a count or "faces" behind it do not matter: `Angry`,
    `ANGER`, `0_angry`, `angry (3995)` and `angry_faces` are all angry.
    A number alone stands for no emotion: data sets number them differently, see `fer.data.class_numbers`.
    """
    name = name.strip().casefold()
    return _EMOTION_OF.get(name) or _EMOTION_OF.get(BEHIND.sub("", name.lstrip("0123456789 _-.")))
