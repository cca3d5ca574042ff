"""Plugs are found by name, in the package or by entry point, and held to their convention."""

import subprocess
import sys

import pytest

from tocsin import plugins
from tocsin.errors import SettingsError

GOOD = """
from dataclasses import dataclass

@dataclass(frozen=True)
class {name}Settings:
    path: str
    every: int = 5

class {name}:
    def __init__(self, settings: {name}Settings) -> None:
        self.settings = settings

class _Inner: pass
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of plugs, and what writes one into it."""
    folder = tmp_path / "plugs_of_test"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))

    def add(name: str, text: str) -> None:
        (folder / f"{name}.py").write_text(text)

    add("good", GOOD.format(name="Good"))
    yield add
    for name in [name for name in sys.modules if name.startswith("plugs_of_test")]:
        del sys.modules[name]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """What makes another package with an entry point look installed."""

    def install(name: str, target: str) -> None:
        info = tmp_path / "site" / "other-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[tocsin.plugs_of_test]\n{name} = {target}\n")
        (tmp_path / "site" / "other_plug.py").write_text(GOOD.format(name="Other"))
        monkeypatch.syspath_prepend(str(tmp_path / "site"))

    yield install
    sys.modules.pop("other_plug", None)


def test_a_file_of_the_package_is_found_by_its_name(package):
    plug = plugins.find("plugs_of_test", "good")

    assert plug.__name__ == "Good"
    assert plugins.settings_type(plug).__name__ == "GoodSettings"


def test_a_plug_may_take_more_by_keyword_from_whoever_wires_it(package):
    text = GOOD.format(name="Wired").replace("WiredSettings)", "WiredSettings, *, tell=print)")
    package("wired", text)

    plug = plugins.find("plugs_of_test", "wired")

    assert plugins.settings_type(plug).__name__ == "WiredSettings"


def test_an_entry_point_is_found_by_its_name(package, installed):
    installed("other", "other_plug:Other")

    assert plugins.find("plugs_of_test", "other").__name__ == "Other"
    assert plugins.names("plugs_of_test") == ("good", "other")


def test_an_entry_point_does_not_replace_what_is_built_in(package, installed):
    installed("good", "other_plug:Other")

    assert plugins.find("plugs_of_test", "good").__name__ == "Good"


@pytest.mark.parametrize("target", ["other_plug:Nothing", "no_such_module:Other"])
def test_an_entry_point_that_cannot_be_loaded_is_one_line(package, installed, target):
    installed("other", target)

    with pytest.raises(SettingsError, match="tocsin.plugs_of_test:other cannot be loaded"):
        plugins.find("plugs_of_test", "other")


def test_an_entry_point_that_is_no_class_is_refused(package, installed):
    installed("other", "other_plug:dataclass")

    with pytest.raises(SettingsError, match="is no class"):
        plugins.find("plugs_of_test", "other")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("goood", "did you mean 'good'"),
        ("zzz", "possible: good"),
        ("os.path", "there is no plug 'os.path'"),
        ("..good", "there is no plug"),
        ("__init__", "there is no plug"),
        ("", "there is no plug"),
    ],
)
def test_an_unknown_name_says_what_is_possible(package, name, remedy):
    with pytest.raises(SettingsError, match=remedy):
        plugins.find("plugs_of_test", name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found: none"),
        (GOOD.format(name="A") + GOOD.format(name="B"), "found: A, B"),
        ("class Bare: pass", "its constructor must take one argument"),
        ("class Text:\n    def __init__(self, text: str) -> None: ...", "a frozen dataclass"),
        (
            GOOD.format(name="Two").replace("settings: TwoSettings", "s: TwoSettings, x: int"),
            "one argument",
        ),
        (
            GOOD.format(name="Asks").replace("AsksSettings)", "AsksSettings, *, more)"),
            "one argument",
        ),
        (GOOD.format(name="Loose").replace("frozen=True", "frozen=False"), "exactly one public"),
    ],
)
def test_a_plug_against_the_convention_is_refused(package, text, message):
    package("odd", text)

    with pytest.raises(SettingsError, match=message):
        plugins.find("plugs_of_test", "odd")


def test_settings_of_a_plug_are_checked(package):
    plug = plugins.find("plugs_of_test", "good")

    made = plugins.settings_of(plug, {"path": "x", "every": 7})

    assert (made.path, made.every) == ("x", 7)
    assert plug(made).settings is made


def test_every_wrong_setting_of_a_plug_is_a_line(package):
    plug = plugins.find("plugs_of_test", "good")

    with pytest.raises(SettingsError) as caught:
        plugins.settings_of(plug, {"evry": 1, "every": "often"})

    assert str(caught.value).split("\n") == [
        "`evry` is no setting of Good",
        "`path` of Good: Field required",
        "`every` of Good: Input should be a valid integer, unable to parse string as an integer",
    ]


def test_naming_the_plugs_imports_none_of_them(package):
    package("loud", "raise RuntimeError('imported')")

    assert plugins.names("plugs_of_test") == ("good", "loud")


def test_importing_the_finder_imports_no_plug():
    code = "import sys, tocsin.plugins; print([m for m in sys.modules if m[:7] == 'tocsin.'])"

    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert sorted(result.stdout.strip("[]\n").split(", ")) == [
        "'tocsin.errors'",
        "'tocsin.plugins'",
    ]
