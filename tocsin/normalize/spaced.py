"""Split lines of values between spaces, where quotes and brackets hold spaces inside a value."""

_CLOSERS = {'"': '" ', "[": "] "}


def split_spaced(line: str) -> list[str]:
    """Return the values of a line without their quotes and brackets.

    A quote closes a value only before a space: user agents hold quotes of their own. What is never
    closed is plain text. Takes time in proportion to the line.
    """
    if '"' not in line and "[" not in line:
        return line.split()
    values: list[str] = []
    padded = line + " "
    at, end = 0, len(line)
    open_for_ever: set[str] = set()
    while at < end:
        first = padded[at]
        if first in _CLOSERS and first not in open_for_ever:
            stop = _closing(padded, _CLOSERS[first], at + 1)
            if stop >= 0:
                values.append(padded[at + 1 : stop])
                at = stop + 2
                continue
            open_for_ever.add(first)
        stop = padded.find(" ", at)
        if stop > at:
            values.append(padded[at:stop])
        at = stop + 1
    return values


def _closing(padded: str, closer: str, at: int) -> int:
    """Return where a value ends, behind quotes that a backslash escapes; -1 where it does not."""
    stop = padded.find(closer, at)
    while stop > at and closer == '" ' and _is_escaped(padded, stop, at):
        stop = padded.find(closer, stop + 1)
    return stop


def _is_escaped(padded: str, at: int, start: int) -> bool:
    return padded[at - 1] == "\\" and not (at - 2 >= start and padded[at - 2] == "\\")
