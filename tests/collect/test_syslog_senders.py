"""Syslog from the programs that send it."""

import logging
import logging.handlers
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.collect.counter import Counter
from tests.collect.syslogs import eventually, syslog
from tests.conftest import program
from tocsin.collect.receivers.syslog import message_of


@pytest.fixture
def counter() -> Counter:
    return Counter()


def test_pythons_own_handler_is_understood(counter):
    with syslog(counter) as receiver:
        address = ("127.0.0.1", receiver.port("hosts"))
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            handler = logging.handlers.SysLogHandler(address, socktype=kind)
            record = logging.makeLogRecord({"msg": f"by {kind.name}", "levelno": logging.INFO})
            handler.emit(record)
            handler.close()
        eventually(lambda: len(counter.raws) == 2)

    assert sorted(counter.raws) == [b"<12>by SOCK_DGRAM", b"<12>by SOCK_STREAM"]


@pytest.mark.parametrize(
    "options",
    [
        ["--udp", "--rfc5424"],
        ["--udp", "--rfc3164"],
        ["--tcp", "--rfc5424"],
        ["--tcp", "--octet-count", "--rfc5424"],
        ["--tcp", "--rfc3164"],
    ],
    ids=" ".join,
)
def test_logger_of_util_linux_is_understood(counter, options):
    logger = program("logger")
    with syslog(counter) as receiver:
        port = str(receiver.port("hosts"))
        subprocess.run(
            [logger, "-n", "127.0.0.1", "-P", port, *options, "-t", "sshd", "hello world"],
            check=True,
            timeout=120,
        )
        eventually(lambda: len(counter.raws) == 1)

    assert message_of(counter.raws[0]) == b"hello world"


RSYSLOG = """
global(workDirectory="{folder}")
module(load="imfile" PollingInterval="1")
input(type="imfile" File="{folder}/input.log" Tag="app:" readMode="0")
*.* action(type="omfwd" target="127.0.0.1" port="{port}" protocol="{protocol}"
  TCP_Framing="{framing}" template="{template}")
"""


@pytest.mark.parametrize(
    ("protocol", "framing", "template"),
    [
        ("tcp", "octet-counted", "RSYSLOG_SyslogProtocol23Format"),
        ("tcp", "traditional", "RSYSLOG_ForwardFormat"),
        ("udp", "traditional", "RSYSLOG_TraditionalForwardFormat"),
    ],
)
def test_rsyslog_is_understood(counter, tmp_path, protocol, framing, template):
    rsyslogd = program("rsyslogd")
    (tmp_path / "input.log").write_text("".join(f"line {number}\n" for number in range(500)))
    with syslog(counter) as receiver:
        (tmp_path / "rsyslog.conf").write_text(
            RSYSLOG.format(
                folder=tmp_path,
                port=receiver.port("hosts"),
                protocol=protocol,
                framing=framing,
                template=template,
            )
        )
        command = [rsyslogd, "-n", "-f", "rsyslog.conf", "-i", str(tmp_path / "pid")]
        with running(command, tmp_path):
            eventually(lambda: len(sent(counter)) == 500)

    assert sent(counter) == [b"line %d" % number for number in range(500)]


def sent(counter: Counter) -> list[bytes]:
    messages = [message_of(raw) for raw in counter.raws]
    return [message for message in messages if message.startswith(b"line ")]


SYSLOG_NG = """@version: 3.38
source input {{
  file("{folder}/input.log" follow-freq(1) flags(no-parse) program-override("app"));
}};
destination tocsin {{ {driver}("127.0.0.1" port({port}) {options}); }};
log {{ source(input); destination(tocsin); }};
"""


@pytest.mark.parametrize(
    ("driver", "options"),
    [
        ("syslog", 'transport("tcp")'),
        ("network", 'transport("tcp")'),
        ("network", 'transport("udp")'),
    ],
)
def test_syslog_ng_is_understood(counter, tmp_path, driver, options):
    syslog_ng = program("syslog-ng")
    (tmp_path / "input.log").write_text("".join(f"line {number}\n" for number in range(300)))
    with syslog(counter) as receiver:
        (tmp_path / "syslog-ng.conf").write_text(
            SYSLOG_NG.format(
                folder=tmp_path, port=receiver.port("hosts"), driver=driver, options=options
            )
        )
        state = [f"--{name}={tmp_path / name}" for name in ("persist-file", "pidfile", "control")]
        command = [syslog_ng, "-F", "--no-caps", "-f", str(tmp_path / "syslog-ng.conf"), *state]
        with running(command, tmp_path):
            eventually(lambda: len(sent(counter)) == 300)

    assert sent(counter) == [b"line %d" % number for number in range(300)]


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[None]:
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
    try:
        yield
    except AssertionError as error:
        error.add_note((folder / "output").read_text(errors="replace")[-2000:])
        raise
    finally:
        process.terminate()
        process.wait(120)
