"""Over the days that Tocsin tells itself, the engine gives the pairs of the plain evaluation."""

import json
from datetime import UTC, datetime
from itertools import islice

import pytest

from tests.detect.engine.test_engine import look_at_columns, pairs
from tests.detect.oracle import plain_pairs
from tocsin import detect, normalize
from tocsin.collect import demo_story
from tocsin.ocsf import RawBatch, empty, from_rows, schemas
from tocsin.run import content
from tocsin.run.wiring import RuleChoice, load_mappings, load_rules

BEGUN = datetime(2026, 11, 23, tzinfo=UTC)
MOST = 6_000
DRILL = content.drill_folder()
COMPANY = content.read_text(DRILL / "company.yaml")
STORIES = {
    "demo": (content.story_text("story"), ""),
    "benign administration": (content.story_text("benign_administration"), ""),
    "benign day": (content.read_text(DRILL / "benign_day.yaml"), COMPANY),
} | {path.stem: (content.read_text(path), COMPANY) for path in sorted(DRILL.glob("attacks/*.yaml"))}


@pytest.fixture(scope="module")
def rules():
    log_sources = detect.LogSources.read(content.log_sources_text(), "log_sources.yaml")
    return detect.RuleSet.build(load_rules(RuleChoice()).rules, log_sources)


@pytest.fixture(scope="module")
def mappings():
    return load_mappings()


def tables(name, mappings):
    """Yield one table of normalized events for each source of a story."""
    story = demo_story.load_story(STORIES[name][0], f"{name}.yaml", STORIES[name][1])
    for source in mappings:
        if source in story.frames:
            records = islice(story.told(source, BEGUN), MOST)
            rows = [
                {
                    "raw": json.dumps(record, separators=(",", ":")).encode(),
                    "origin": "test",
                    "position": position,
                    "received_time": BEGUN.replace(tzinfo=None),
                }
                for position, record in enumerate(records)
            ]
            batch = RawBatch(
                source, "test", from_rows(rows, schemas.RAW), None, None, empty(schemas.REJECTS)
            )
            yield normalize.apply(mappings[source], batch).events


@pytest.mark.parametrize("name", STORIES)
def test_rules_match_a_story_as_in_the_plain_way(rules, mappings, name):
    found = [table for table in tables(name, mappings) if table.num_rows]
    told = {table["source"][0].as_py(): table for table in found}

    assert told
    for source, table in told.items():
        expected = plain_pairs(rules, table)
        assert pairs(rules, table) == expected
        look_at_columns(rules, source)
        assert pairs(rules, table) == expected
