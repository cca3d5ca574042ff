"""The page of dependencies names what is installed, no more and no less."""

import re
import tomllib

from tests.docs.pages import PROJECT

PAGE = (PROJECT / "docs" / "dependencies.md").read_text(encoding="utf-8")
DECLARED = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def names(requirements: list[str]) -> set[str]:
    return {re.match(r"[\w.-]+", each)[0].lower() for each in requirements}


def rows(heading: str) -> set[str]:
    """Return the packages of the first table below a heading."""
    section = PAGE.partition(heading)[2]
    table = re.search(r"\|---.*\n((?:\|.*\n)+)", section)
    return {
        name.strip()
        for line in table[1].splitlines()
        for name in line.strip("|").split("|")[0].split(",")
    }


def test_the_page_names_every_dependency_with_its_reason():
    assert rows("# Dependencies") == names(DECLARED["dependencies"])


def test_the_page_names_what_the_extras_bring():
    extras = DECLARED["optional-dependencies"]

    assert rows("## Extras") == names([each for extra in extras.values() for each in extra])


def test_a_default_install_stays_small():
    assert len(DECLARED["dependencies"]) <= 20


def test_every_dependency_is_used():
    imported = {
        "argon2-cffi": "argon2",
        "google-re2": "re2",
        "jinja2": "jinja2",
        "python-multipart": "",
        "pysigma": "sigma",
        "pyyaml": "yaml",
    }
    text = "\n".join(path.read_text("utf-8") for path in (PROJECT / "tocsin").rglob("*.py"))
    unused = [
        name
        for name in names(DECLARED["dependencies"])
        if not re.search(rf"^\s*(import|from) {imported.get(name, name)}\b", text, re.MULTILINE)
        and imported.get(name) != ""
    ]

    assert unused == []
