"""Pages that are made from the program are fresh, whole and the same on every machine."""

import importlib
import re

import pytest

from tests.docs.pages import PROJECT
from tocsin.settings import json_schema

DOCS = PROJECT / "docs"
NAMES = [
    "reference/actions.md",
    "reference/settings.md",
    "tocsin.schema.json",
    "reference/rules.md",
    "reference/sources.md",
    "reference/commands.md",
    "reference/extension-points.md",
    "reference/doors.md",
]


def text_of(name: str) -> str:
    return (DOCS / "reference" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_fresh(made, name):
    is_fresh = (DOCS / name).read_text(encoding="utf-8") == made.PAGES[name]()

    assert is_fresh, f"docs/{name} is stale; renew it: {made.RENEW}"


def test_every_page_is_checked(made):
    assert sorted(made.PAGES) == sorted(NAMES)
    files = {path.relative_to(DOCS).as_posix() for path in (DOCS / "reference").iterdir()}
    assert files <= set(NAMES)


def test_a_stale_page_is_named_with_the_command_that_renews_it(made, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(made, "DOCS", tmp_path / "docs")
    monkeypatch.setattr(made, "PAGES", {"reference/settings.md": lambda: "new\n"})

    assert made.main(["--check"]) == 1
    assert capsys.readouterr().out == (
        "docs/reference/settings.md is stale; renew it: python scripts/docs.py\n"
    )
    assert made.main([]) == 0
    assert made.main(["--check"]) == 0


def test_pages_hold_nothing_of_this_machine(made):
    for name in NAMES:
        text = (DOCS / name).read_text(encoding="utf-8")

        assert str(PROJECT) not in text
        assert "0x7f" not in text


def settings_in(described: dict, schema: dict, path: str = ""):
    """Yield the path of every setting of a JSON Schema."""
    if "$ref" in described:
        described = schema["$defs"][described["$ref"].rsplit("/", 1)[-1]]
    for key in ("anyOf", "oneOf", "allOf"):
        for each in described.get(key, ()):
            yield from settings_in(each, schema, path)
    if "items" in described:
        yield from settings_in(described["items"], schema, f"{path}[]")
    if "env" in described.get("properties", {}) or "file" in described.get("properties", {}):
        return  # the ways to name a secret
    for name, inner in described.get("properties", {}).items():
        yield f"{path}.{name}".lstrip(".")
        yield from settings_in(inner, schema, f"{path}.{name}")


def test_every_setting_is_described():
    schema, page = json_schema(), text_of("settings.md")
    expected = set(settings_in(schema, schema))

    assert len(expected) > 50
    assert [path for path in expected if f"| `{path}` |" not in page] == []


def test_every_rule_is_described():
    files = sorted((PROJECT / "content" / "rules").rglob("*.y*ml"))
    page = text_of("rules.md")

    assert len(files) >= 30
    assert [path.name for path in files if f"{path.parent.name}/{path.name})" not in page] == []


def test_every_source_is_described():
    page = text_of("sources.md")

    for path in (PROJECT / "content" / "mappings").glob("*.yaml"):
        assert f"## `{path.stem}`" in page
        fields = re.search(r"### Fields that it reads.*?(?=\n## |\Z)", page, re.DOTALL)
        assert fields is not None
        assert len(fields[0].splitlines()) > 20


def test_every_plug_is_described():
    page = text_of("extension-points.md")
    folders = ("collect/sources", "collect/receivers", "act/notifiers")
    files = [
        path
        for folder in folders
        for path in (PROJECT / "tocsin" / folder).glob("*.py")
        if path.stem != "__init__"
    ]

    assert len(files) >= 6
    assert [path.stem for path in files if f"### `{path.stem}`" not in page] == []


def test_every_name_of_every_door_is_described(made):
    page = text_of("doors.md")
    rooms = {path.parent.name for path in (PROJECT / "tocsin").glob("*/__init__.py")}

    assert rooms - {"content"} == set(made.ROOMS)
    for room in made.ROOMS:
        section = page.partition(f"## `{room}`\n")[2].partition("\n## ")[0]
        names = getattr(importlib.import_module(f"tocsin.{room}"), "__all__", ())
        assert [name for name in names if f"| `{name}` |" not in section] == []


def test_every_command_is_described_with_its_permission():
    from tocsin.serve.cli.app import app

    page = text_of("commands.md")
    registered = [*app.registered_commands]
    for group in app.registered_groups:
        registered += group.typer_instance.registered_commands

    assert page.count("\n## `tocsin ") == len(registered)
    assert page.count("\nPermission: `") == len(registered)
    assert page.count("\n`tocsin ") == len(registered)


def test_the_catalogue_names_every_way_in_with_its_guarantee(made):
    lines = list(made._ways_in())
    kinds = [kind for kind in made.feeds.kind_names(installed=False) if kind != "plugin"]

    for kind in kinds:
        (row,) = [line for line in lines if line.startswith(f"| [`{kind}`](")]
        assert row.split(" | ")[2] in {"acknowledged", "resumable", "lossy"}
    assert made._vector("aws.cloudtrail") == "AWS"
    assert made._vector("sarif.report") == "findings of others"


def test_a_row_of_the_catalogue_says_what_reads_a_source(made):
    macros = (PROJECT / "content" / "functions.sql").read_text("utf-8")
    file = PROJECT / "content" / "mappings" / "zeek.log.yaml"
    mapping = made.normalize.load_mapping(
        file.read_text("utf-8"), file.name, macros, find_reader=made.content.find_reader
    )

    row = made.source_catalogue([mapping])[2]

    assert row.startswith("| [`zeek.log`](#zeeklog) | network | Zeek | `zeek_tsv` | ")
    assert "DNS Activity" in row
    assert "](rules.md#zeeklog)" in row
