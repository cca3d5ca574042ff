"""The open event tells what was added to it, and by whom."""

import pytest

from tocsin.serve.web.event_lines import additions


def row(*entries: object) -> dict[str, object]:
    return {"enrichments": list(entries)}


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ('{"city": "Berlin", "country": "DE", "lat": 52.5}', "Berlin, DE, 52.5"),
        ('{"is_tor_exit_node": true, "is_public_proxy": false}', "is tor exit node"),
        ('{"indicator": "evil.example", "labels": ["c2", "apt"]}', "evil.example, c2, apt"),
        ("{", "{"),
        ("{}", ""),
        (None, ""),
        ("[1]", "[1]"),
    ],
)
def test_data_is_told_in_a_few_words(data: object, told: str):
    entry = {"name": "src_endpoint.ip", "value": "192.0.2.7", "type": "t", "data": data}
    (found,) = additions(row(entry | {"provider": "City"}))

    assert (found.path, found.value, found.kind, found.told, found.provider) == (
        "src_endpoint.ip",
        "192.0.2.7",
        "t",
        told,
        "City",
    )


@pytest.mark.parametrize("event", [{}, {"enrichments": None}, {"enrichments": "x"}])
def test_an_event_without_additions_tells_none(event: dict[str, object]):
    assert additions(event) == []
