"""The search space: options, their values and conditions."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from fer import option_table, options
from fer.errors import UserError

KEYS = ("option", "choices", "low", "high", "log", "step", "when")
PLAIN = re.compile(r"[A-Za-z_][\w./+-]*")
"""Text that Hydra reads without quotes."""

Values = dict[str, Any]
"""Values of the active dimensions, by name."""


@dataclass(frozen=True)
class Dimension:
    """An option of fer.train with the values to try: `choices`, or the range from `low` to `high`, both included.

    Two integers make a range of integers. log: the logarithm of the value is uniform. step: distance between values.
    when: the dimension is active only where earlier dimensions have one of these values, such as {optimizer: [sgd]}.
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
        """Draws a value in an Optuna `trial`; floats are rounded to four digits, which the run's name also has."""
        if self.choices is not None:
            return trial.suggest_categorical(self.name, self.choices)
        low, high = self.range
        if self.is_integer:
            return trial.suggest_int(self.name, low, high, log=self.log, step=self.step or 1)
        value = trial.suggest_float(self.name, low, high, log=self.log, step=self.step)
        return min(max(float(f"{value:.4g}"), low), high)

    def ends(self) -> list[Any]:
        """Returns the values that show whether all are possible: every choice, or both ends of the range."""
        return self.choices if self.choices is not None else list(self.range)

    @property
    def range(self) -> tuple[float, float]:
        if self.low is None or self.high is None:
            raise UserError(f"search.space.{self.name}: expected either choices, or low and high")
        return self.low, self.high

    @property
    def is_integer(self) -> bool:
        return all(isinstance(value, int) for value in (self.low, self.high, self.step or 1))


Space = list[Dimension]


def read(node: Mapping[str, Any]) -> Space:
    """Reads the dimensions of `search.space`, in order. Raises UserError for an invalid or an empty space."""
    space: Space = []
    for name, content in node.items():
        if content is not None:  # a null takes a dimension out
            space.append(read_dimension(str(name), content, space))
    if not space:
        raise UserError("search.space is empty; choose one with search=NAME, or add a dimension to it")
    return space


def suggest(space: Space, trial: Any) -> Values:
    """Draws a value for each active dimension in an Optuna `trial`."""
    values: Values = {}
    for dimension in space:
        if dimension.active(values):
            values[dimension.name] = dimension.suggest(trial)
    return values


def overrides(space: Space, values: Values) -> list[str]:
    """Returns the options of fer.train for these values."""
    active = [dimension for dimension in space if dimension.name in values]
    return [f"{dimension.option}={hydra_value(values[dimension.name])}" for dimension in active]


def corners(space: Space) -> Iterator[Values]:
    """Yields values that together contain each end of each dimension, with whatever makes that dimension active."""
    for dimension in space:
        for end in dimension.ends():
            required = with_conditions(space, {dimension.name: end})
            values: Values = {}
            for other in space:
                if other.active(values):
                    values[other.name] = required.get(other.name, other.ends()[0])
            yield values


def with_conditions(space: Space, values: Values) -> Values:
    """Adds to the values those that the conditions of their dimensions require."""
    for dimension in reversed(space):  # dimensions come after those they depend on
        if dimension.name in values:
            values = {name: allowed[0] for name, allowed in dimension.when.items()} | values
    return values


def hydra_value(value: Any) -> str:
    """Returns the value as Hydra reads it on the command line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and not PLAIN.fullmatch(value) and not value.startswith(("[", "{")):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return str(value)


def plain(space: Space) -> list[dict[str, Any]]:
    """Returns the fields of each dimension, for JSON; `Dimension(**fields)` reads them back."""
    return [asdict(dimension) for dimension in space]


def read_dimension(name: str, content: Any, before: Space) -> Dimension:
    """Reads an entry of the space; `before` holds the dimensions that it may depend on."""
    where = f"search.space.{name}"
    if not isinstance(content, Mapping):
        raise UserError(f"{where}={content}: expected a mapping such as {{option: optimizer.lr, low: 1e-4, high: 0.1}}")
    content = {key: value for key, value in content.items() if value is not None}
    if unknown := [key for key in content if key not in KEYS]:
        raise UserError(f"{where}: no key '{unknown[0]}'; there are {', '.join(KEYS)}")
    option = str(content.get("option") or "")
    if not option:
        raise UserError(f"{where} names no option; give one of fer.train, such as option: optimizer.lr")
    if not may_vary(option):
        raise UserError(f"{where}: {option} is not for a space: the search sets it itself, or compares trials by it")
    if ("choices" in content) == ("low" in content or "high" in content):
        raise UserError(f"{where}: expected either choices: [...] or low: and high:")
    when = read_condition(where, content.get("when", {}), before)
    if "choices" in content:
        return Dimension(name, option, choices=read_choices(where, content), when=when)
    check_range(where, content)
    span = {key: content[key] for key in ("low", "high", "log", "step") if key in content}
    return Dimension(name, option, **span, when=when)


def may_vary(option: str) -> bool:
    """Whether an option may differ between trials: the search neither sets it itself nor compares trials by it."""
    row = options.top_row(options.name_of(option))
    return row.in_search == option_table.VARIES and not row.refusal


def read_condition(where: str, when: Any, before: Space) -> dict[str, list[Any]]:
    if not isinstance(when, Mapping):
        raise UserError(f"{where}.when={when}: expected a mapping such as {{optimizer: sgd}}")
    dimensions = {dimension.name: dimension for dimension in before}
    conditions: dict[str, list[Any]] = {}
    for name, allowed in when.items():
        if name not in dimensions:
            raise UserError(f"{where}.when: no dimension '{name}' stands before it; there are {', '.join(dimensions)}")
        values = [allowed] if isinstance(allowed, str | int | float | None) else list(allowed)
        choices = dimensions[name].choices
        missing = [value for value in values if value not in (choices or ())]
        if missing or not values:
            raise UserError(f"{where}.when: {name} is never {missing or allowed}; its choices: {choices}")
        conditions[name] = values
    return conditions


def read_choices(where: str, content: Mapping[str, Any]) -> list[Any]:
    """Reads the choices; those that are lists become text, since the storage holds plain values only."""
    choices = content["choices"]
    if not isinstance(choices, list) or not choices:
        raise UserError(f"{where}.choices={choices}: expected a list such as [sgd, adam]")
    values = [value if isinstance(value, str | int | float | None) else list_text(where, value) for value in choices]
    if len(set(map(repr, values))) < len(values):
        raise UserError(f"{where}.choices={choices}: a value stands there twice")
    return values


def list_text(where: str, value: Any) -> str:
    """Returns a list, perhaps of lists, as Hydra reads it on the command line."""
    if not isinstance(value, list):
        raise UserError(f"{where}.choices: {value} is neither a plain value nor a list")
    items = [list_text(where, item) if isinstance(item, list | dict) else hydra_value(item) for item in value]
    return f"[{','.join(items)}]"


def check_range(where: str, content: Mapping[str, Any]) -> None:
    for key in ("low", "high", "step"):
        value = content.get(key, 0 if key == "step" else None)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UserError(f"{where}.{key}={value}: expected a number")
    low, high, log, step = content["low"], content["high"], content.get("log"), content.get("step")
    if low >= high:
        raise UserError(f"{where}: low={low} is not below high={high}; exchange them")
    if log is not None and not isinstance(log, bool):
        raise UserError(f"{where}.log={log}: expected true or false")
    if log and low <= 0:
        raise UserError(f"{where}: log: true needs low > 0, not {low}")
    if step is not None and (step <= 0 or log):
        raise UserError(f"{where}.step={step}: expected a number > 0, and no log: true beside it")
