"""Programs of others run within their limits, and nothing of them is left behind."""

import os
import sys
import time
from pathlib import Path

import pytest

from tocsin.isolate.programs import (
    Program,
    ProgramFailedError,
    ProgramLimitError,
    ProgramLimits,
    ProgramMissingError,
    running,
)

MIB = 1 << 20


def python(code: str, *more: str, **options: object) -> Program:
    return Program((sys.executable, "-I", "-S", "-c", code, *more), **options)  # type: ignore[arg-type]


def lines_of(program: Program) -> list[bytes]:
    with running(program) as lines:
        return list(lines)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def is_gone(pid: int) -> bool:
    end = time.monotonic() + 120
    while is_alive(pid) and time.monotonic() < end:
        time.sleep(0.01)
    return not is_alive(pid)


def test_lines_come_as_they_are_said():
    code = "import sys; print('a'); print('b\\r'); sys.stdout.write('c')"

    assert lines_of(python(code)) == [b"a", b"b\r", b"c"]


def test_lines_come_while_the_program_runs():
    code = "import sys, time\nprint('first', flush=True)\ntime.sleep(60)"
    begun = time.monotonic()
    with running(python(code)) as lines:
        assert next(lines) == b"first"

    assert time.monotonic() - begun < 30


def test_no_shell_reads_the_arguments():
    word = "$(id); `id` & ../* \n 'x'"

    assert lines_of(python("import sys; print(repr(sys.argv[1]))", word)) == [repr(word).encode()]


def test_it_sees_the_named_variables_and_no_others(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    code = "import os; print(sorted(os.environ)); print(os.environ['ONE'])"

    names, one = lines_of(python(code, environment={"ONE": "1"}))

    assert names == b"['HOME', 'LC_ALL', 'ONE', 'TMPDIR']"
    assert one == b"1"


def test_it_works_in_a_folder_of_its_own_that_is_removed():
    code = "import os; open('x', 'w').write('x'); print(os.getcwd()); print(os.listdir())"
    room, listed = lines_of(python(code))

    assert listed == b"['x']"
    assert not Path(os.fsdecode(room)).exists()


def test_it_reads_what_it_is_given():
    content = b"x" * (3 * MIB)
    code = "import sys; print(len(sys.stdin.buffer.read()))"

    assert lines_of(python(code, input=content)) == [str(len(content)).encode()]


def test_a_program_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(ProgramMissingError, match="there is no program tocsin-no-such"):
        lines_of(Program(("tocsin-no-such",)))
    plain = tmp_path / "plain"
    plain.write_text("x")
    with pytest.raises(ProgramMissingError, match="may not be run"):
        lines_of(Program((str(plain),)))
    plain.chmod(0o755)
    with pytest.raises(ProgramFailedError, match="cannot be run: Exec format error"):
        lines_of(Program((str(plain),)))


def test_a_failure_says_its_code_and_what_it_complained_of():
    code = "import sys; print('half'); sys.stderr.write('no\\x1b[31m\\nluck'); sys.exit(3)"
    seen = []
    with (
        pytest.raises(ProgramFailedError, match=r"ends with code 3: no\[31m luck") as caught,
        running(python(code)) as lines,
    ):
        seen += lines

    assert caught.value.code == 3
    # What was said before is not taken back.
    assert lines_of(python(code, good_codes=frozenset({0, 3}))) == [b"half"]


def test_a_program_that_a_signal_ended_says_which():
    code = "import os, signal; os.kill(os.getpid(), signal.SIGUSR1)"
    with pytest.raises(ProgramFailedError, match="was ended by SIGUSR1"):
        lines_of(python(code))


@pytest.mark.parametrize(
    ("code", "limits", "reason"),
    [
        ("while True: pass", ProgramLimits(seconds=0.5), "takes longer than 0.5 s"),
        ("import time; time.sleep(60)", ProgramLimits(seconds=0.5), "takes longer"),
        # It says that it is done and goes on.
        (
            "import os, time; os.close(1); time.sleep(60)",
            ProgramLimits(seconds=0.5),
            "takes longer",
        ),
        (
            "while True: print('x' * 1000)",
            ProgramLimits(output_bytes=MIB),
            "says more than 1048576 bytes",
        ),
        (
            "import sys\nwhile True: sys.stdout.write('x' * 1000)",
            ProgramLimits(line_bytes=100_000),
            "a line of more than 100000 bytes",
        ),
    ],
)
def test_a_program_that_passes_a_limit_is_killed(code: str, limits: ProgramLimits, reason: str):
    begun = time.monotonic()
    with pytest.raises(ProgramLimitError, match=reason):
        lines_of(python(code, limits=limits))

    assert time.monotonic() - begun < 30


def test_memory_and_files_are_limited():
    hungry = python("x = bytearray(300 << 20)", limits=ProgramLimits(memory_bytes=200 * MIB))
    with pytest.raises(ProgramFailedError, match="MemoryError"):
        lines_of(hungry)
    writer = "open('x', 'wb').write(bytes(3 << 20))"
    with pytest.raises(ProgramFailedError):
        lines_of(python(writer, limits=ProgramLimits(file_bytes=MIB)))


CHILDREN = """
import os, sys, time
child = os.fork()
if child == 0:
    grandchild = os.fork()
    if grandchild == 0:
        os.close(1)
        time.sleep(300)
    print(grandchild, flush=True)
    os.close(1)
    time.sleep(300)
print(child, flush=True)
if sys.argv[1] == "stay":
    time.sleep(300)
"""


@pytest.mark.parametrize("how", ["stay", "go"])
def test_nobody_of_its_group_lives_on(how: str):
    with running(python(CHILDREN, how)) as lines:
        pids = [int(next(lines)), int(next(lines))]
        assert all(map(is_alive, pids))

    assert all(map(is_gone, pids))


def test_whoever_stops_reading_ends_it_and_removes_its_folder():
    code = "import os\nprint(os.getpid(), os.getcwd(), flush=True)\nwhile True: print('x')"
    with pytest.raises(ValueError, match="of ours"), running(python(code)) as lines:
        pid, room = next(lines).split()
        raise ValueError("of ours")

    assert is_gone(int(pid))
    assert not Path(os.fsdecode(room)).exists()
