"""Lookup tables: what records are enriched with, and what `event.lookup` answers.

The rows come from the parent, read and checked; see `detect.formats.python_tables`.

Source: https://docs.panther.com/enrichment/lookup-tables (2026), the structure of `p_enrichment`.
"""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tocsin.isolate.jail import rule_event
else:
    import rule_event

_Network = IPv4Network | IPv6Network
_MOST_MATCHES = 100


class Table:
    """The rows of one table by the text of their primary key; networks hold their addresses.

    Attributes:
        name: what rules call it.
        selectors: paths of fields that are looked up, by log type.
    """

    def __init__(self, found: Mapping[str, Any]) -> None:
        self.name: str = found["name"]
        self.selectors: Mapping[str, Sequence[str]] = found["selectors"]
        self._rows: Mapping[str, Mapping[str, Any]] = {
            key: rule_event.frozen(row) for key, row in found["rows"].items()
        }
        self._by_length: dict[tuple[int, int], dict[int, str]] = {}
        for key in self._rows if found["is_network"] else ():
            network = ip_network(key, strict=False)
            place = (network.version, network.max_prefixlen - network.prefixlen)
            number = int(network.network_address) >> place[1]
            self._by_length.setdefault(place, {})[number] = key
        self._places = sorted(self._by_length, key=lambda place: place[1])

    def row(self, value: Any) -> Mapping[str, Any] | None:
        """Return the row of a value; of several networks, the smallest one's."""
        key = value if isinstance(value, str) else _plain(value)
        if key is None or key in self._rows or not self._places:
            return None if key is None else self._rows.get(key)
        try:
            address = ip_address(key)
        except ValueError:
            return None
        for version, shift in self._places:
            found = self._by_length[version, shift].get(int(address) >> shift)
            if version == address.version and found is not None:
                return self._rows[found]
        return None

    def enrichment(self, log_types: Sequence[str], record: Mapping[str, Any]) -> dict[str, Any]:
        """Return the matching rows by selector; of a list, one row for each match."""
        found: dict[str, Any] = {}
        for selector in dict.fromkeys(self._selectors(log_types)):
            value = rule_event.at_path(record, selector)
            if isinstance(value, list):
                rows = [self._matched(each) for each in value[:_MOST_MATCHES]]
                matched: Any = rule_event.FrozenList([row for row in rows if row is not None])
            else:
                matched = self._matched(value)
            if matched:
                found[selector] = matched
        return found

    def _selectors(self, log_types: Sequence[str]) -> Iterator[str]:
        for log_type in log_types:
            yield from self.selectors.get(log_type, ())

    def _matched(self, value: Any) -> Any:
        row = self.row(value)
        return None if row is None else rule_event.FrozenDict({**row, "p_match": value})


def enriched(
    tables: Sequence[Table], log_types: Sequence[str], record: Mapping[str, Any]
) -> "rule_event.FrozenDict | None":
    """Return `p_enrichment` of the record: what it brings itself, and what the tables add."""
    found = {table.name: table.enrichment(log_types, record) for table in tables}
    own = record.get("p_enrichment")
    added = {name: each for name, each in found.items() if each}
    if not added:
        return None
    for name, each in own.items() if isinstance(own, Mapping) else ():
        added[name] = {**added.get(name, {}), **each} if isinstance(each, Mapping) else each
    return rule_event.FrozenDict({name: rule_event.frozen(each) for name, each in added.items()})


def _plain(value: Any) -> str | None:
    return str(value) if type(value) in (int, float) else None
