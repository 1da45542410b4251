"""Renames classes, as the option `labels.rename` says, and suggests an emotion for a name that is none."""

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

import yaml

from fer.counting import counted
from fer.data.emotions import ALIASES, WITH_CONTEMPT, emotion_of
from fer.errors import UserError

Renames = Mapping[str, str | None]
"""Class as the data spell it, case-folded -> class; None leaves its pictures out."""

EXAMPLE = "'{Suprise: surprise, Ahegao: null}'"
CLOSE = 0.7  # similarity from which on a name is suggested; `natural` has 0.71 with `neutral`

OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "angry": (
        *("mad", "furious", "rage", "annoyed", "ärger", "aerger", "wut", "wütend", "zorn", "verärgert", "colère"),
        *("colere", "en colère", "ira", "enojo", "enojado", "enfado", "rabbia", "raiva", "boos", "kızgın", "öfke"),
        *("гнев", "злость", "愤怒", "生气", "怒り"),
    ),
    "disgust": (
        *("ekel", "angeekelt", "dégoût", "degout", "asco", "disgusto", "nojo", "walging", "iğrenme", "отвращение"),
        *("厌恶", "嫌悪"),
    ),
    "fear": (
        *("frightened", "terrified", "anxious", "angst", "furcht", "ängstlich", "peur", "miedo", "paura", "medo"),
        *("korku", "страх", "恐惧", "害怕", "恐れ", "恐怖"),
    ),
    "happy": (
        *("smile", "smiling", "laugh", "freude", "glücklich", "fröhlich", "joie", "heureux", "feliz", "felicidad"),
        *("alegría", "alegria", "felicità", "gioia", "felicidade", "blij", "mutlu", "радость", "счастье", "高兴"),
        *("开心", "快乐", "喜び", "幸せ"),
    ),
    "sad": (
        *("sorrow", "unhappy", "trauer", "traurig", "traurigkeit", "tristesse", "triste", "tristeza", "tristezza"),
        *("verdrietig", "üzgün", "грусть", "печаль", "悲伤", "伤心", "悲しみ"),
    ),
    "surprise": (
        *("shock", "shocked", "astonished", "amazed", "überraschung", "überrascht", "ueberraschung", "étonnement"),
        *("sorpresa", "sorprendido", "verrast", "şaşkın", "удивление", "惊讶", "惊喜", "驚き"),
    ),
    "neutral": ("normal", "none", "no emotion", "neutre", "neutro", "neutrale", "nötr", "нейтральный", "中性", "平静"),
    "contempt": ("disdain", "scorn", "verachtung", "mépris", "mepris", "desprecio", "disprezzo", "desprezo", "蔑视"),
}
"""Emotion -> everyday and foreign names that are suggested, not read."""

_EMOTION_OF = {name: emotion for emotion, names in OTHER_NAMES.items() for name in names}
_SPELLINGS = {name: emotion for emotion, names in ALIASES.items() for name in (emotion, *names) if len(name) > 3}


class UnknownClass(UserError):
    """Pictures of a class that is no emotion."""


def parse_renames(value: str | Mapping[str, str | None] | None, own_classes: bool = False) -> Renames:
    """Returns the option `labels.rename` as a mapping, empty without one.

    value: a mapping, or its text as in YAML; null leaves a class out. With `own_classes` a class may have any name,
    otherwise it is an emotion by any of its usual names. Raises UserError for anything else.
    """
    if value is None:
        return {}
    mapping = mapping_of(value) if isinstance(value, str) else value
    if not isinstance(mapping, Mapping) or not mapping:
        raise UserError(f"labels.rename={value}: expected a mapping such as {EXAMPLE}")
    return {key_of(str(name)): _class(str(name), new, own_classes) for name, new in mapping.items()}


def mapping_of(text: str) -> object:
    """Returns a mapping of texts such as `{a: b, c:d}`, as Hydra reads it; None or a text for anything else."""
    try:
        return yaml.load(re.sub(r":(?=[^\s])", ": ", text), yaml.BaseLoader)  # `No` stays a text
    except yaml.YAMLError:
        return None


def _class(name: str, new: object, own_classes: bool) -> str | None:
    text = str(new).strip()
    if new is None or text in ("", "~", "null"):
        return None
    renamed = text if own_classes else emotion_of(text)
    if renamed is None:
        raise UserError(
            f"labels.rename: '{name}' is renamed to '{text}', which is no known class; "
            f"expected {', '.join(WITH_CONTEMPT)}, or null to leave it out"
        )
    return renamed


def key_of(name: str) -> str:
    return name.strip().casefold()


def suggestion(name: str) -> str | None:
    """Returns the emotion that a misspelt or foreign name most likely stands for, or None."""
    plain = key_of(name).strip("0123456789 _-.")
    if plain in _EMOTION_OF:
        return _EMOTION_OF[plain]
    close = get_close_matches(plain, [*_SPELLINGS, *_EMOTION_OF], n=1, cutoff=CLOSE)
    return (_SPELLINGS | _EMOTION_OF)[close[0]] if close else None


def foreign_emotion(name: str) -> str | None:
    """Returns the emotion of an everyday or foreign name, or None."""
    return _EMOTION_OF.get(key_of(name))


def rename_option(names: Iterable[str]) -> str:
    """Returns the option to type for classes that are no emotions; null where no emotion is similar."""
    pairs = [f"{_yaml_key(name)}: {suggestion(name) or 'null'}" for name in names]
    return f"labels.rename={shlex.quote('{' + ', '.join(pairs) + '}')}"


def require_known(labels: Mapping[str, int], class_of: Mapping[str, str | None], where: str) -> None:
    """Raises UserError for labels, with their counts, that are no emotions and have no class in `class_of`."""
    unknown = sorted(label for label in labels if label not in class_of)
    if unknown:
        shown = ", ".join(f"'{label[:20]}' ({counted(labels[label], 'picture')})" for label in unknown[:3])
        raise UnknownClass(
            f"{where}: unknown label {shown}; type {rename_option(unknown[:8])} (null leaves a class out), or train on "
            "your own classes with data=folder"
        )


def _yaml_key(name: str) -> str:
    return name if re.fullmatch(r"\w[\w .-]*", name) else json.dumps(name, ensure_ascii=False)
