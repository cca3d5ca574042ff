"""The schema and the page say what the loader does."""

import json
import re

import jsonschema
import pytest
import yaml

from tests.settings.test_loading import FULL
from tocsin.settings import Settings, feeds, json_schema, reference_markdown


@pytest.fixture(scope="module")
def validator():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_schema_accepts_a_full_file(validator):
    validator.validate(yaml.safe_load(FULL))


@pytest.mark.parametrize(
    "text",
    [
        "web: {prot: 1}",
        "web: {port: abc}",
        "incidents: {gap: 5 minutes}",
        "incidents: {threshold: hihg}",
        "retention: {bytes: much}",
        "feeds: [{name: a, kind: json_lines, source: x, token: hunter2}]",
        "feeds: [{name: A, kind: file, source: x, path: y}]",
        "organization: {countries: [de]}",
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(validator, text):
    assert not validator.is_valid(yaml.safe_load(text))


def test_the_schema_is_json_with_defaults_as_people_write_them():
    text = json.dumps(json_schema())

    assert '"default": "4h"' in text
    assert "timedelta" not in text


def test_the_page_names_every_setting_with_its_meaning():
    page = reference_markdown()
    rows = dict(re.findall(r"^\| `([^`]+)` \|.*\| (.*) \|$", page, re.MULTILINE))

    sections = {"": Settings, "feeds[].": feeds.section_of("s3"), "organization.": None}
    for prefix, section in sections.items():
        for name in section.model_fields if section else ("accounts", "ci_roles"):
            assert prefix + name in rows
    assert [name for name, meaning in rows.items() if not meaning and "kind" not in name] == []


def test_the_page_shows_every_kind_of_feed():
    page = reference_markdown()

    for kind in feeds.kind_names(installed=False):
        assert f"## `feeds[]` of kind `{kind}`" in page


def test_the_page_shows_defaults_as_people_write_them():
    page = reference_markdown()

    assert "| `incidents.gap` | duration | `4h` | Longest silence inside one incident. |" in page
    assert "| `feeds[].path` | path | required | A file, or a folder with all files" in page
    assert "| `feeds[].every` | duration | `5m` | How often the buckets are listed. |" in page
