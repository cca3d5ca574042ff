"""Put a value into a query of the search language, quoted so that it means itself."""


def clause(path: str, value: object, text: str | None = "", exclude: bool = False) -> str:
    """Return `text` narrowed to events with `value` at `path`, or to those without.

    Args:
        path: dotted OCSF path.
        value: any scalar; it is quoted, so wildcards and operators in it are plain characters.
        text: the query so far; "" or `None` for none.
        exclude: keep the events without the value instead.
    """
    written = str(value).lower() if isinstance(value, bool) else str(value)
    escaped = written.replace("\\", "\\\\").replace('"', '\\"')
    wanted = f'{"NOT " if exclude else ""}{path}:"{escaped}"'
    before = (text or "").strip()
    if not before:
        return wanted
    return f"({before}) AND {wanted}" if " OR " in before else f"{before} AND {wanted}"
