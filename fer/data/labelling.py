"""The options that say how labels are read: `labels.numbers`, `labels.rename`, `data.columns`, `data.labels`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fer.data.class_names import Renames, parse_renames
from fer.data.class_numbers import Numbers, parse
from fer.data.csv_format import Columns, parse_columns


@dataclass(frozen=True)
class Labelling:
    """How labels on disk become classes.

    numbers: what numbers stand for. names: what classes are called instead. columns: what columns of a table are
    called. file: a table with the labels of pictures.
    """

    numbers: Numbers | None = None
    names: Renames = field(default_factory=dict)
    columns: Columns = field(default_factory=dict)
    file: str | None = None

    @classmethod
    def parse(
        cls,
        numbers: str | Mapping[int, str | None] | Mapping[str, str | None] | None = None,
        rename: str | Mapping[str, str | None] | None = None,
        columns: str | Mapping[str, str] | None = None,
        file: str | None = None,
        own_classes: bool = False,
    ) -> "Labelling":
        """Returns the options as typed. Raises UserError for values that they do not take."""
        return cls(parse(numbers, own_classes), parse_renames(rename, own_classes), parse_columns(columns), file)

    def key(self) -> list[object]:
        """Returns all of it as JSON-able data, equal for equal options."""
        numbers = sorted((self.numbers or {}).items())
        return [numbers, sorted(self.names.items()), sorted(self.columns.items()), self.file]
