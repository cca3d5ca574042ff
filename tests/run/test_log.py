import io
import json
import logging
import sys

import pytest

from tocsin.run import log


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _former_logging():
    root, own = logging.getLogger(), logging.getLogger("tocsin")
    before = root.handlers[:], root.level, own.level
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers[:], root.level, own.level = before


def test_where_no_terminal_is_the_log_is_json_lines_on_standard_error(monkeypatch, tmp_path):
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)

    path = log.configure("info", tmp_path)
    logging.getLogger("tocsin.turn").info("turn", extra={"records": 3, "feed": "a\nb\x1b[31m"})

    line = out.getvalue()
    assert path is None
    assert line.count("\n") == 1
    assert "\x1b" not in line
    assert json.loads(line)["records"] == 3


def test_on_a_terminal_the_log_goes_to_a_file_and_only_warnings_are_shown(monkeypatch, tmp_path):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    path = log.configure("info", tmp_path)
    logging.getLogger("tocsin.turn").info("turn")
    logging.getLogger("tocsin.turn").warning("disk is low")

    assert path is not None
    assert [json.loads(line)["event"] for line in path.read_text().splitlines()] == [
        "turn",
        "disk is low",
    ]
    assert "disk is low" in terminal.getvalue()
    assert '"turn"' not in terminal.getvalue().replace("tocsin.turn", "")
