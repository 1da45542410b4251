"""Numbers with their nouns."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """Returns a number with its noun: "1 face", "2 faces", "1,000 faces"; plural: if it is not the noun with an s."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {plural or noun + 's'}"
