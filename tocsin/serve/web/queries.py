"""Put a value into a query of the search language, quoted so that it means itself."""

from tocsin.ocsf import Entity

# Where events name a thing of this type; other things are looked for in the whole record.
_PATHS = {
    "account": "cloud.account.uid",
    "address": "src_endpoint.ip",
    "user": "actor.user.name",
}


def about(entity: Entity) -> str:
    """Return the query for the events that name an entity."""
    path = _PATHS.get(entity.type)
    if path is None:
        return _quoted(entity.uid)
    return clause(path, (entity.name or entity.uid) if entity.type == "user" else entity.uid)


def clause(path: str, value: object, text: str | None = "", exclude: bool = False) -> str:
    """Return `text` narrowed to events with `value` at `path`, or to those without.

    Args:
        path: dotted OCSF path.
        value: any scalar; it is quoted, so wildcards and operators in it are plain characters.
        text: the query so far; "" or `None` for none.
        exclude: keep the events without the value instead.
    """
    written = str(value).lower() if isinstance(value, bool) else str(value)
    wanted = f"{'NOT ' if exclude else ''}{path}:{_quoted(written)}"
    before = (text or "").strip()
    if not before:
        return wanted
    return f"({before}) AND {wanted}" if " OR " in before else f"{before} AND {wanted}"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
