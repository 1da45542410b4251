r"""Converts file names to valid Unicode text and back.

A name on disk is bytes. Python reads those that are no UTF-8 as surrogates (PEP 383), which no UTF-8 file can hold.
"""

import re

SURROGATE = re.compile("[\ud800-\udfff]")
LITERAL = re.compile(r"\\(?=u(?:d[89a-f][0-9a-f]{2}|005c))")
SPELLED = re.compile(r"\\u(d[89a-f][0-9a-f]{2}|005c)")


def spelled(name: str) -> str:
    r"""`name` with each byte that is no UTF-8 as the escape of its surrogate, such as `caf\udce9.jpg`.

    A name that holds the characters of such an escape has its backslash as `\u005c`, so that `unspelled` is exact.
    """
    return escaped(LITERAL.sub(r"\\u005c", name))


def unspelled(text: str) -> str:
    """What `spelled` was given; `os.fsencode` of it is the name on disk."""
    return SPELLED.sub(lambda found: chr(int(found[1], 16)), text)


def escaped(text: str) -> str:
    """`text` with every surrogate as a JSON escape, for JSON that is valid UTF-8."""
    return SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
