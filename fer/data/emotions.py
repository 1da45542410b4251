"""The emotions of FER2013, their codes and the names that people give them; the only place that knows them."""

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""Index = FER2013's code (Goodfellow et al. 2013, "Challenges in Representation Learning")."""

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
}

_EMOTION_OF = {name: emotion for emotion, names in ALIASES.items() for name in (emotion, *names)} | {
    str(code): emotion for code, emotion in enumerate(EMOTIONS)
}


def emotion_of(name: str) -> str | None:
    """The emotion that a folder called `name` stands for, or None.

    Case, surrounding blanks and a leading code do not matter: `Angry`, `ANGER`, `0` and `0_angry` are all angry.
    """
    name = name.strip().casefold()
    return _EMOTION_OF.get(name) or _EMOTION_OF.get(name.lstrip("0123456789 _-."))
