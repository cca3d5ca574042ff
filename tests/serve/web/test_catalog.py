"""The catalog for translators holds every text of the pages."""

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]


def test_the_catalog_is_fresh() -> None:
    script = PROJECT / "scripts" / "catalog.py"

    ended = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True)

    assert (ended.returncode, ended.stderr) == (0, "")
