"""`tocsin entity show`."""

from pathlib import Path

from tests.serve.cli.shell import has_no_controls, tocsin


def test_show_tells_what_is_known_of_an_entity(data: Path):
    (incident,) = tocsin("incidents", "list", "--data", data, "--output", "json").json
    entity = incident["entities"][0]

    told = tocsin("entity", "show", entity["type"], entity["uid"], "--data", data, "-o", "json")
    shown = tocsin("entity", "show", entity["type"], entity["uid"], "--data", data)

    assert told.json["incidents"][0]["uid"] == incident["uid"]
    assert told.json["findings"] and len(told.json["days"]) == 30
    assert entity["name"] in shown.out and "risk by day" in shown.out
    assert has_no_controls(shown.out)


def test_an_unknown_entity_is_one_line(data: Path):
    ended = tocsin("entity", "show", "user", "nobody-at-all", "--data", data)

    assert ended.code == 2 and len(ended.err.splitlines()) == 1
