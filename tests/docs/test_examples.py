"""Examples on the pages are real: settings load, rules pass their examples, JSON parses."""

import ast
import json
import re
import sys
from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from tests.docs.pages import PROJECT, Block, blocks
from tocsin import normalize, plugins
from tocsin.ocsf.output import event_json
from tocsin.ocsf.reading import LineReader
from tocsin.run import RuleChoice, content, rule_work, wiring
from tocsin.serve.cli.validation import ocsf_problems
from tocsin.settings import load
from tocsin.settings.model import Settings
from tocsin.store import language, search

SETTINGS_KEYS = set(Settings.model_fields)


class Environment(dict[str, str]):
    """Every variable that an example names is set."""

    def __contains__(self, name: object) -> bool:
        return name != "TOCSIN_CONFIG"

    def __missing__(self, name: str) -> str:
        if name == "SLACK_URL":
            return f"slack://{'A' * 9}/{'B' * 9}/{'c' * 24}"
        return "https://example.org/made-up" if name.endswith("_URL") else "made-up"


def kind_of(block: Block) -> str:
    """Tell whose file a block of YAML is: ours by its keys, another program's by its first line."""
    if re.match(r"# /?[\w./-]+\.(ya?ml|conf)\b", block.text) and "tocsin.yaml" not in block.text:
        return "other"
    if re.search(r"^correlation:", block.text, re.MULTILINE):
        return "correlation"
    value = yaml.safe_load(block.text)
    keys = set(value) if isinstance(value, dict) else set()
    if "detection" in keys:
        return "sigma"
    if "AnalysisType" in keys:
        return "python"
    if {"source", "record"} <= keys:
        return "mapping"
    if keys and keys <= SETTINGS_KEYS:
        return "settings"
    return "unknown"


YAML: dict[str, list[Block]] = defaultdict(list)
for each in blocks("yaml", "yml"):
    YAML[kind_of(each)].append(each)


def test_every_block_of_yaml_is_somebodys():
    assert [str(block) for block in YAML["unknown"]] == []
    for kind in ("settings", "sigma", "correlation", "python", "mapping", "other"):
        assert YAML[kind], kind


@pytest.mark.parametrize("block", YAML["settings"], ids=str)
def test_settings_load(block, tmp_path):
    path = tmp_path / "tocsin.yaml"
    text = block.text
    if "routes:" in text and "notifiers:\n" not in text:  # as the page says: beside its notifiers
        text = next(each.text for each in YAML["settings"] if each.path == block.path) + text
    path.write_text(re.sub(r"\{file: [^}]+\}", "{env: MADE_UP}", text), encoding="utf-8")

    load(path, Environment(HOME=str(tmp_path)))


@pytest.mark.parametrize("block", YAML["sigma"], ids=str)
def test_rules_pass_their_examples(block, tmp_path):
    (tmp_path / "rule.yaml").write_text(block.text, encoding="utf-8")

    assert outcome(tmp_path) == (1, (), [])


@pytest.mark.parametrize("block", YAML["correlation"], ids=str)
def test_correlations_pass_their_examples(block, tmp_path):
    (tmp_path / "rule.yaml").write_text(block.text, encoding="utf-8")

    loaded, problems, failed = outcome(tmp_path)
    assert (problems, failed) == ((), [])
    assert loaded == block.text.count("title:")


@pytest.mark.parametrize("block", YAML["python"], ids=str)
def test_python_rules_pass_their_tests(block, tmp_path):
    if "Filename" in yaml.safe_load(block.text):
        above = [each for each in blocks("python") if each.path == block.path]
        source = max((each for each in above if each.line < block.line), key=lambda each: each.line)
        (tmp_path / "rule.py").write_text(source.text, encoding="utf-8")
    (tmp_path / "rule.yml").write_text(block.text, encoding="utf-8")

    assert outcome(tmp_path) == (1, (), [])


def outcome(folder: Path) -> tuple[int, tuple[str, ...], list[str]]:
    """Return how many rules load, what is wrong, and which examples fail."""
    choice = RuleChoice((folder,), with_builtin=False)
    checked, tested = rule_work.check_rules(choice), rule_work.check_examples(choice)
    assert tested
    failed = [f"{each.name}: {each.reason}" for each in tested if not each.passed]
    return checked.loaded, tuple(map(str, checked.problems)), failed


def reader_of(block: Block, name: str, options: Mapping[str, object]) -> LineReader:
    """Return a reader that ships, or the one that the page shows above the mapping."""
    shown = [each for each in blocks("python") if each.path == block.path]
    for each in shown:
        if each.line < block.line and "LineReader)" in each.text:
            module = ModuleType(name)
            sys.modules[name] = module
            exec(each.text, vars(module))  # noqa: S102 - code of the guide
            [plug] = [
                value
                for value in vars(module).values()
                if isinstance(value, type)
                and issubclass(value, LineReader)
                and value.__module__ == name
            ]
            return plug(plugins.settings_of(plug, options))
    return content.find_reader(name, options)


@pytest.mark.parametrize("block", YAML["mapping"], ids=str)
def test_mappings_load_and_keep_what_their_samples_say(block):
    macros = (PROJECT / "content" / "functions.sql").read_text("utf-8")

    find_reader = partial(reader_of, block)
    mapping = normalize.load_mapping(block.text, str(block), macros, find_reader=find_reader)

    assert mapping.samples
    assert normalize.check_samples(mapping) == ()
    for sample in mapping.samples:
        record = normalize.overlay(mapping.example, sample.record)
        for row in rule_work.normalize_record(mapping, record).to_pylist():
            assert ocsf_problems(event_json(row)) == []


@pytest.mark.parametrize("block", YAML["other"], ids=str)
def test_files_of_other_programs_are_yaml_and_hold_no_secret(block):
    assert list(yaml.safe_load_all(block.text))
    for line in block.text.splitlines():
        if re.search(r"token|password|api_key", line, re.IGNORECASE) and ":" in line:
            value = line.partition(":")[2].strip().strip("\"'")
            assert not re.fullmatch(r"[A-Za-z0-9+/_-]{20,}=*", value), line


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_json_parses(block):
    json.loads(block.text)


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_parses(block):
    ast.parse(block.text)


SEARCH_PAGE = (PROJECT / "docs" / "guides" / "search.md").read_text("utf-8").partition("## SQL")[0]
SEARCHES = re.findall(r"^\| `([^`]+)` \|", SEARCH_PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def tables():
    """Return the schema of each source's events."""
    return [mapping.schema for mapping in wiring.load_mappings().values()]


@pytest.mark.parametrize("text", SEARCHES)
def test_searches_are_understood_and_their_paths_exist(text, tables):
    query = language.parse(text)

    search.check_paths(query, tables)
    for schema in tables:
        assert search.compile_search(query, schema).sql


def test_the_page_of_search_shows_every_operator():
    words = " ".join(SEARCHES)

    for sign in (
        "*",
        "?",
        '"',
        "\\*",
        "/8",
        ">=",
        "[",
        "{",
        " TO ",
        "_exists_:",
        "AND",
        "OR",
        "NOT",
    ):
        assert sign in words or f"`{sign}`" in SEARCH_PAGE, sign
