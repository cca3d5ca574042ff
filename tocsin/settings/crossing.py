"""Find what is wrong between settings, each of which may be right alone.

Works on what was written, not on the model, so that these problems are listed together with those
of single settings.
"""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import TypeAlias

from tocsin.ocsf.yaml_text import YamlValue
from tocsin.settings.model import Receivers, Web
from tocsin.values import shown

Keys: TypeAlias = tuple[str | int, ...]


def cross_problems(tree: YamlValue) -> Iterator[tuple[Keys, str]]:
    """Yield place and message of every problem between settings."""
    yield from _open_listeners(tree)
    yield from _unreachable_pages(tree)
    yield from _shared_port(tree)
    feeds = _part(tree, "feeds")
    listed = list(enumerate(feeds)) if isinstance(feeds, list) else []
    yield from _double_names(listed)
    forwarders = _part(tree, "forwarders")
    named = list(enumerate(forwarders)) if isinstance(forwarders, list) else []
    yield from _double_names(named, "forwarder")
    systems = _part(tree, "tickets")
    listed_systems = list(enumerate(systems)) if isinstance(systems, list) else []
    yield from _double_names(listed_systems, "ticket")
    yield from _routes(tree)
    for number, feed in listed:
        if _part(feed, "kind") == "s3":
            yield from _role_of_external_id(number, feed)


def _open_listeners(tree: YamlValue) -> Iterator[tuple[Keys, str]]:
    for name in ("web", "receivers"):
        section = _part(tree, name)
        host = _part(section, "host")
        if isinstance(host, str) and not _part(section, "tls") and not _is_loopback(host):
            yield (
                (name, "host"),
                f"`{host}` is not loopback: give `tls` with `certificate` and `key`,"
                " or listen on 127.0.0.1",
            )


def _unreachable_pages(tree: YamlValue) -> Iterator[tuple[Keys, str]]:
    """Pages answer only to the names they know, so that no foreign page can ask in their name."""
    web = _part(tree, "web")
    host = _part(web, "host")
    is_open = isinstance(host, str) and not _is_loopback(host) and _part(web, "tls")
    if is_open and not _part(web, "public_url"):
        yield (
            ("web", "host"),
            "browsers elsewhere need a name for the pages: give `public_url`,"
            " such as https://tocsin.example.org",
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _shared_port(tree: YamlValue) -> Iterator[tuple[Keys, str]]:
    web, receivers = _part(tree, "web"), _part(tree, "receivers")
    web_port = _port(web, Web().port)
    if web_port != "0" and web_port == _port(receivers, Receivers().port):
        yield (
            ("receivers", "port"),
            f"pages and receivers both have port {web_port}; give one of them another",
        )


def _port(section: YamlValue, default: int) -> str:
    written = _part(section, "port")
    return str(default if written is None else written)


def _routes(tree: YamlValue) -> Iterator[tuple[Keys, str]]:
    """Routes name notifiers that are there, and no two of either have one name."""
    known: dict[str, list[YamlValue]] = {}
    for section in ("notifiers", "routes"):
        found = _part(tree, section)
        known[section] = found if isinstance(found, list) else []
        for number, name in enumerate(names := [_part(one, "name") for one in known[section]]):
            if isinstance(name, str) and name in names[:number]:
                yield (section, number, "name"), f"{shown(name)} is there twice; rename one"
    names = [_part(one, "name") for one in known["notifiers"]]
    for number, route in enumerate(known["routes"]):
        wanted = _part(route, "notifiers")
        for name in wanted if isinstance(wanted, list) else []:
            if name not in names:
                yield ("routes", number, "notifiers"), f"no notifier is called {shown(name)}"


def _double_names(
    entries: list[tuple[int, YamlValue]], kind: str = "feed"
) -> Iterator[tuple[Keys, str]]:
    seen: set[str] = set()
    for number, entry in entries:
        name = _part(entry, "name")
        if isinstance(name, str) and name in seen:
            yield (
                (f"{kind}s", number, "name"),
                f"another {kind} is called {shown(name)}; each needs a name of its own",
            )
        seen.add(str(name))


def _role_of_external_id(number: int, feed: YamlValue) -> Iterator[tuple[Keys, str]]:
    assumed = _part(feed, "role_arn") or _part(feed, "role_arns")
    if _part(feed, "external_id") and not assumed:
        yield ("feeds", number, "external_id"), "`external_id` belongs to a `role_arn`; give it too"


def _part(value: YamlValue, key: str) -> YamlValue:
    return value.get(key) if isinstance(value, dict) else None
