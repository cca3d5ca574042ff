"""Read STIX patterns as far as they say *equal to one of these*; others are not used.

Read are comparisons by `=` and `IN` joined by `OR`, inside of one observation and between several:
each of the values alone then makes the pattern true. Everything else (`AND`, `LIKE`, `MATCHES`,
`FOLLOWEDBY`, `WITHIN` ...) would match too much if it were cut to a value.

Source: https://docs.oasis-open.org/cti/stix/v2.1/os/stix-v2.1-os.html#_e8slinrhxcc9
"""

import re

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<mark>[\[\]()=,])|(?P<word>[^\s\[\]()=,']+(?:'[^']*'[^\s\[\]()=,']*)*))"""
)
_LONGEST = 20_000
_MOST_VALUES = 1_000
_PATHS = {
    "ipv4-addr:value": ("address", "network"),
    "ipv6-addr:value": ("address", "network"),
    "domain-name:value": ("domain",),
    "hostname:value": ("domain",),
    "url:value": ("url",),
    "email-addr:value": ("mail",),
    "email-message:from_ref.value": ("mail",),
    "email-message:sender_ref.value": ("mail",),
    "network-traffic:dst_ref.value": ("address", "network", "domain"),
    "network-traffic:src_ref.value": ("address", "network", "domain"),
    "network-traffic:extensions.'tls-ext'.ja3": ("ja3",),
}
_HASHES = re.compile(r"(file|artifact|process)\b.*[:.]hashes\.'?[\w-]+'?\Z")
_CERTIFICATES = re.compile(r"x509-certificate:hashes\.'?[\w-]+'?\Z")
_JA3 = re.compile(r"[\w-]+:.*\bja[34]s?(?:_hash|-md5)?'?\Z", re.IGNORECASE)


def equalities(pattern: str) -> list[tuple[tuple[str, ...], str]] | None:
    """Return the kinds and the text of each value that alone makes the pattern true.

    Returns:
        `None` where the pattern is no such list of values, or speaks of other things.
    """
    tokens = _tokens(pattern)
    if not tokens:
        return None
    found: list[tuple[tuple[str, ...], str]] = []
    place, depth = 0, 0
    is_operand = True
    while place < len(tokens):
        token = tokens[place]
        if token in ("[", "(") and is_operand:
            depth += 1
        elif token in ("]", ")") and not is_operand and depth:
            depth -= 1
        elif token == "OR" and not is_operand:
            is_operand = True
        elif is_operand:
            width = _comparison(tokens, place, found)
            if not width:
                return None
            place += width - 1
            is_operand = False
        else:
            return None
        place += 1
    is_whole = not depth and not is_operand and len(found) <= _MOST_VALUES
    return found if is_whole and found else None


def _comparison(tokens: list[str], place: int, found: list[tuple[tuple[str, ...], str]]) -> int:
    """Read `path = 'x'` or `path IN ('x', 'y')`; return how many tokens it has, 0 for none."""
    kinds = _kinds(tokens[place])
    operator, *rest = tokens[place + 1 : place + 2] or [""]
    if not kinds or rest:
        return 0
    if operator == "=" and place + 2 < len(tokens) and tokens[place + 2].startswith("'"):
        found.append((kinds, _text(tokens[place + 2])))
        return 3
    if operator == "IN" and tokens[place + 2 : place + 3] == ["("]:
        try:
            end = tokens.index(")", place)
        except ValueError:
            return 0
        listed = [each for each in tokens[place + 3 : end] if each != ","]
        if listed and all(each.startswith("'") for each in listed):
            found += [(kinds, _text(each)) for each in listed]
            return end - place + 1
    return 0


def _tokens(pattern: str) -> list[str]:
    if len(pattern) > _LONGEST:
        return []
    tokens, place = [], 0
    text = pattern.strip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            return []
        tokens.append(match.group(match.lastgroup or 0))
        place = match.end()
    return tokens


def _kinds(path: str) -> tuple[str, ...]:
    known = _PATHS.get(path)
    if known:
        return known
    if _CERTIFICATES.match(path):
        return ("certificate",)
    if _HASHES.match(path):
        return ("hash",)
    return ("ja3",) if _JA3.match(path) else ()


def _text(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1])
