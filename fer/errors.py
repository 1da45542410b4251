"""The one exception that commands answer with a line instead of a traceback."""


class UserError(Exception):
    """Something the user can mend. The message is one line: what is wrong, where, and what to do."""
