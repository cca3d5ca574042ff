"""The wheel holds pages and content, and works in an empty environment without Node."""

import configparser
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = {"content": "tocsin/content", "tocsin": "tocsin"}
NOT_SHIPPED = {"__pycache__", ".mypy_cache", ".ruff_cache"}
STOPS_LOGGING = {
    "eventVersion": "1.11",
    "eventID": "4a3b2c1d-0000-4000-8000-111122223333",
    "eventTime": "2026-11-23T09:14:03Z",
    "eventSource": "cloudtrail.amazonaws.com",
    "eventName": "StopLogging",
    "awsRegion": "eu-west-1",
    "sourceIPAddress": "198.51.100.23",
    "userAgent": "aws-cli/2.17.1",
    "userIdentity": {
        "type": "IAMUser",
        "userName": "alice",
        "arn": "arn:aws:iam::111122223333:user/alice",
        "accountId": "111122223333",
        "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
    },
    "requestParameters": {"name": "main"},
    "recipientAccountId": "111122223333",
}
ASKS_WHO_IT_IS = {
    **STOPS_LOGGING,
    "eventID": "4a3b2c1d-0000-4000-8000-111122224444",
    "eventSource": "sts.amazonaws.com",
    "eventName": "GetCallerIdentity",
    "requestParameters": None,
}

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("wheel")
    # The build packages come from the development lock, as in the container file.
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    yield built
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def names(wheel) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Iterator[Path]:
    """The folder of the programs of an environment that holds the wheel and its locked packages."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "pip"), "install", "-q", "--disable-pip-version-check"]
    lock = str(PROJECT / "requirements.lock")
    subprocess.run([*pip, "--require-hashes", "-r", lock], check=True)
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True)
    yield folder / "bin"
    shutil.rmtree(folder)


def run(programs: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the environment where nothing else can be found: no Node, no checkout."""
    environment = {"PATH": str(programs), "HOME": str(folder), "LANG": "C.UTF-8"}
    return subprocess.run(
        [str(programs / command[0]), *command[1:]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("folder", SOURCES)
def test_it_holds_every_file_of_package_and_content(names, folder):
    files = [
        path.relative_to(PROJECT / folder).as_posix()
        for path in (PROJECT / folder).rglob("*")
        if path.is_file() and not NOT_SHIPPED & set(path.parts) and path.suffix != ".pyc"
    ]
    # The stamp of the fetched assets is of use to the build only.
    expected = {f"{SOURCES[folder]}/{name}" for name in files if not name.endswith(".stamp")}

    assert len(expected) > 50
    assert expected - names == set()


def test_it_holds_the_built_pages(names):
    vendor = "tocsin/serve/web/assets/vendor"

    for name in ("htmx.min.js", "echarts.min.js", "tabler.min.css", "inter.woff2"):
        assert f"{vendor}/{name}" in names
    assert any(name.startswith(f"{vendor}/licenses/") for name in names)


def test_it_holds_nothing_else(names):
    tops = {name.split("/")[0] for name in names}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"tocsin"}
    assert [name for name in names if name.endswith((".map", ".pyc", "package.json"))] == []


def test_it_says_what_it_is(wheel, names):
    (folder,) = {name.split("/")[0] for name in names if ".dist-info/" in name}
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"{folder}/METADATA").decode()
        programs = configparser.ConfigParser()
        programs.read_string(archive.read(f"{folder}/entry_points.txt").decode())

    assert "License-Expression: Apache-2.0" in metadata
    assert f"{folder}/licenses/LICENSE" in names
    assert dict(programs["console_scripts"]) == {"tocsin": "tocsin.serve.cli:main"}
    assert os.fspath(PROJECT) not in metadata


def test_an_empty_environment_detects_without_node(installed, tmp_path):
    file = tmp_path / "trail.json"
    file.write_text(json.dumps({"Records": [ASKS_WHO_IT_IS, STOPS_LOGGING]}))

    done = run(installed, tmp_path, "tocsin", "detect", str(file), "--source", "aws.cloudtrail")

    assert done.returncode == 0, done.stderr
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    # At the end of the files all time has passed: nobody has started it again.
    assert [each["finding_info"]["title"] for each in findings] == [
        "CloudTrail logging is stopped or its trail deleted",
        "Logging stays off",
    ]
    assert findings[0]["severity"] == "High"
    related = findings[0]["finding_info"]["related_events"]
    assert related[0]["uid"] == STOPS_LOGGING["eventID"]


def test_its_own_content_is_sound(installed, tmp_path):
    done = run(installed, tmp_path, "tocsin", "validate")

    assert (done.returncode, done.stdout) == (0, ""), done.stdout


def test_its_pages_find_their_files(installed, tmp_path):
    code = (
        "import tocsin; from tocsin.serve.web.assets import Assets;"
        "print(tocsin.__file__, Assets().url('vendor/htmx.min.js'))"
    )

    done = run(installed, tmp_path, "python", "-c", code)

    assert done.returncode == 0, done.stderr
    place, address = done.stdout.split()
    assert str(installed.parent) in place
    assert "htmx" in address
