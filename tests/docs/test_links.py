"""Links inside the project lead somewhere."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import PROJECT, anchors, links, markdown_files, shown, written_files


@pytest.mark.parametrize("path", markdown_files(), ids=shown)
def test_relative_links_lead_to_files_and_headings(path):
    inside = [each for each in links(path) if "://" not in each and not each.startswith("mailto:")]

    assert [link for link in inside if not leads_somewhere(path, link)] == []


def leads_somewhere(path: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = (path.parent / name).resolve() if name else path
    if PROJECT not in (target, *target.parents) or not target.exists():
        return False
    return not anchor or target.suffix != ".md" or anchor in anchors(target)


@pytest.mark.parametrize("path", markdown_files(), ids=shown)
def test_links_to_the_outside_are_encrypted(path):
    assert [link for link in links(path) if link.startswith("http:")] == []


def test_every_page_is_reached_from_the_index():
    index = PROJECT / "docs" / "README.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    written = [path for path in markdown_files() if (PROJECT / "docs") in path.parents]

    assert [shown(path) for path in written if path not in {*linked, index}] == []


FOLDERS = ("tests", "content", "tocsin", "docs", "scripts", "packaging", "benchmarks")


@pytest.mark.parametrize("path", written_files(), ids=shown)
def test_files_named_inside_sentences_exist(path):
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    named = re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]+)`", text)

    assert [name for name in named if not (PROJECT / name).exists()] == []
