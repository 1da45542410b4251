"""The search space: options, their values and conditions."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from fer.errors import UserError

KEYS = ("option", "choices", "low", "high", "log", "step", "when")
KEPT = ("seed", "study", "output_dir", "resume", "existing", "retry", "test", "monitor", "search", "sampler", "pruner")
"""What a search sets itself, or compares trials by."""
PLAIN = re.compile(r"[A-Za-z_][\w./+-]*")

Values = dict[str, Any]
"""The value of each active dimension, by name."""


@dataclass(frozen=True)
class Dimension:
    """One option of fer.train with the values to try: `choices`, or all from `low` to `high`.

    A range of two integers means integers. log: as many tries below the geometric mean as above it. when:
    the dimension counts only where dimensions before it have one of these values, such as {optimizer: [sgd]}.
    """

    name: str
    option: str
    choices: list[Any] | None = None
    low: float | None = None
    high: float | None = None
    log: bool = False
    step: float | None = None
    when: dict[str, list[Any]] = field(default_factory=dict)

    def active(self, values: Values) -> bool:
        return all(values.get(other) in allowed for other, allowed in self.when.items())

    def suggest(self, trial: Any) -> Any:
        """What the sampler draws in an Optuna `trial`; floats with four digits, which also stand in the run's name."""
        if self.choices is not None:
            return trial.suggest_categorical(self.name, self.choices)
        if self.whole:
            return trial.suggest_int(self.name, self.low, self.high, log=self.log, step=self.step or 1)
        drawn = trial.suggest_float(self.name, self.low, self.high, log=self.log, step=self.step)
        return min(max(float(f"{drawn:.4g}"), self.low), self.high)

    def ends(self) -> list[Any]:
        """The values that show whether all are possible: every choice, or both ends of the range."""
        return self.choices if self.choices is not None else [self.low, self.high]

    @property
    def whole(self) -> bool:
        return all(isinstance(value, int) for value in (self.low, self.high, self.step or 1))


Space = list[Dimension]


def read(node: Mapping[str, Any]) -> Space:
    """The dimensions of `search.space`, in order. Raises UserError for one that means nothing."""
    space: Space = []
    for name, content in node.items():
        if content is not None:  # a null takes a dimension out
            space.append(_dimension(str(name), content, space))
    if not space:
        raise UserError("search.space is empty; choose one with search=NAME, or add a dimension to it")
    return space


def suggest(space: Space, trial: Any) -> Values:
    values: Values = {}
    for dimension in space:
        if dimension.active(values):
            values[dimension.name] = dimension.suggest(trial)
    return values


def overrides(space: Space, values: Values) -> list[str]:
    """What to type after fer.train for these values."""
    return [f"{dimension.option}={text(values[dimension.name])}" for dimension in space if dimension.name in values]


def corners(space: Space) -> Iterator[Values]:
    """Values that together show each end of each dimension, everything else being possible beside it."""
    for dimension in space:
        for end in dimension.ends():
            wanted = {dimension.name: end}
            for other in reversed(space):  # options come after those they depend on
                if other.name in wanted:
                    wanted = {name: allowed[0] for name, allowed in other.when.items()} | wanted
            values: Values = {}
            for other in space:
                if other.active(values):
                    values[other.name] = wanted.get(other.name, other.ends()[0])
            yield values


def text(value: Any) -> str:
    """The value as Hydra reads it."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, str) and not PLAIN.fullmatch(value) and not value.startswith(("[", "{")):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return str(value)


def plain(space: Space) -> list[dict[str, Any]]:
    """For JSON; `Dimension(**content)` reads it back."""
    return [asdict(dimension) for dimension in space]


def _dimension(name: str, content: Any, before: Space) -> Dimension:
    """Checks one entry of the space."""
    where = f"search.space.{name}"
    if not isinstance(content, Mapping):
        raise UserError(f"{where}={content}: expected a mapping such as {{option: optimizer.lr, low: 1e-4, high: 0.1}}")
    content = {key: value for key, value in content.items() if value is not None}
    if unknown := [key for key in content if key not in KEYS]:
        raise UserError(f"{where}: no key '{unknown[0]}'; there are {', '.join(KEYS)}")
    option = str(content.get("option") or "")
    if not option:
        raise UserError(f"{where} names no option; give one of fer.train, such as option: optimizer.lr")
    if option.lstrip("+~").split(".")[0] in KEPT:
        raise UserError(f"{where}: {option} is not for a space: the search sets it itself, or compares trials by it")
    if ("choices" in content) == ("low" in content or "high" in content):
        raise UserError(f"{where}: expected either choices: [...] or low: and high:")
    when = _condition(where, content.get("when", {}), before)
    if "choices" in content:
        return Dimension(name, option, choices=_choices(where, content), when=when)
    _check_range(where, content)
    span = {key: content[key] for key in ("low", "high", "log", "step") if key in content}
    return Dimension(name, option, **span, when=when)


def _condition(where: str, when: Any, before: Space) -> dict[str, list[Any]]:
    if not isinstance(when, Mapping):
        raise UserError(f"{where}.when={when}: expected a mapping such as {{optimizer: sgd}}")
    known = {dimension.name: dimension for dimension in before}
    found: dict[str, list[Any]] = {}
    for other, allowed in when.items():
        if other not in known:
            raise UserError(f"{where}.when: no dimension '{other}' stands before it; there are {', '.join(known)}")
        found[other] = [allowed] if isinstance(allowed, str | int | float | None) else list(allowed)
        missing = [value for value in found[other] if value not in (known[other].choices or ())]
        if missing or not found[other]:
            raise UserError(f"{where}.when: {other} is never {missing or allowed}; its choices: {known[other].choices}")
    return found


def _choices(where: str, content: Mapping[str, Any]) -> list[Any]:
    given = content["choices"]
    if isinstance(given, str | Mapping) or not isinstance(given, list) or not given:
        raise UserError(f"{where}.choices={given}: expected a list such as [sgd, adam]")
    # The storage keeps plain values only; of a list, what is typed.
    values = [value if isinstance(value, str | int | float | None) else _typed(where, value) for value in given]
    if len(set(map(repr, values))) < len(values):
        raise UserError(f"{where}.choices={given}: a value stands there twice")
    return values


def _typed(where: str, value: Any) -> str:
    if not isinstance(value, list):
        raise UserError(f"{where}.choices: {value} is neither a plain value nor a list")
    return "[" + ",".join(_typed(where, v) if isinstance(v, list | dict) else text(v) for v in value) + "]"


def _check_range(where: str, content: Mapping[str, Any]) -> None:
    for key in ("low", "high", "step"):
        value = content.get(key, 0 if key == "step" else None)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UserError(f"{where}.{key}={value}: expected a number")
    low, high, log, step = (content.get(key) for key in ("low", "high", "log", "step"))
    if low >= high:
        raise UserError(f"{where}: low={low} is not below high={high}; exchange them")
    if log is not None and not isinstance(log, bool):
        raise UserError(f"{where}.log={log}: expected true or false")
    if log and low <= 0:
        raise UserError(f"{where}: log: true needs low > 0, not {low}")
    if step is not None and (step <= 0 or log):
        raise UserError(f"{where}.step={step}: expected a number > 0, and no log: true beside it")
