"""What a rule may not do is its failure alone; the kernel holds where Python does not."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tocsin.isolate import RuleWorker, WorkerLimits
from tocsin.isolate.jail import system_calls

GOOD = "def rule(event): return event.get('eventName') == 'StopLogging'\n"
STOP = json.dumps({"eventName": "StopLogging", "userIdentity": {"arn": "arn:alice"}})
X86 = (0xC000003E, 0)
ARM = (0xC00000B7, 1)
JAIL = Path(system_calls.__file__).parent


def doing(deed, modules="os"):
    return f"import {modules}\ndef rule(event):\n    {deed}\n    return True\n"


HOSTILE = {
    "changes the record": (doing("event['x'] = 1"), "RuleEvent cannot be changed"),
    "changes what is inside": (doing("event['userIdentity'].update(arn=1)"), "FrozenDict cannot"),
    "imports subprocess": (doing("pass", "subprocess"), "No module named 'subprocess'"),
    "imports multiprocessing": (doing("pass", "multiprocessing"), "No module named"),
    "imports asyncio": (doing("pass", "asyncio"), "No module named 'asyncio'"),
    "opens the socket below": (doing("_socket.socket()", "_socket"), "may not do socket."),
    "imports its limits": (doing("import resource"), "No module named 'resource'"),
    "handles signals": (doing("import signal"), "No module named 'signal'"),
    "becomes another program": (doing("os.execv('/bin/sh', ['sh'])"), "may not do os.exec"),
    "spawns by another way": (doing("os.posix_spawn('/bin/sh', ['sh'], {})"), "may not do os.p"),
    "removes files": (doing("os.remove('/tmp/x')"), "may not do os.remove"),
    "makes folders": (doing("os.mkdir('/tmp/x')"), "may not do os.mkdir"),
    "links files": (doing("os.symlink('/etc/passwd', '/tmp/x')"), "may not do os.symlink"),
    "changes its folder": (doing("os.chdir('/tmp')"), "may not do os.chdir"),
    "looks for files": (doing("os.stat('/etc/passwd')"), "raised PermissionError"),
    "makes a pipe": (doing("os.pipe()"), "raised PermissionError"),
    "makes a file in memory": (doing("os.memfd_create('x')"), "raised PermissionError"),
    "makes a session": (doing("os.setsid()"), "raised PermissionError"),
    "asks for priority": (doing("os.nice(1)"), "raised PermissionError"),
    "interrupts": (doing("raise KeyboardInterrupt"), "raised KeyboardInterrupt"),
    "backtracks": (doing("re.match('(a+)+$', 'a' * 40 + 'b')", "re"), "it took longer"),
    "counts without end": (doing("sum(itertools.count())", "itertools"), "it took longer"),
    "answers with a liar": (
        "class Liar:\n    def __bool__(self): return True\ndef rule(event): return Liar()\n",
        "rule() returned Liar, not a bool",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_rule_fails_alone(name):
    source, reason = HOSTILE[name]
    with RuleWorker(WorkerLimits(record_seconds=0.4)) as worker:
        verdicts = worker({"hostile": source, "good": GOOD}, [STOP])

    assert [v.record for v in verdicts if v.rule_uid == "good" and v.matched] == [0]
    (failure,) = [v.failure for v in verdicts if v.rule_uid == "hostile"]
    assert reason in failure


def test_a_worker_tells_its_protections():
    with RuleWorker() as worker:
        found = worker.protections()
        status = Path(f"/proc/{worker.process_id}/status").read_text()

    assert (found.system_calls_are_filtered, found.is_nobody) == (True, True)
    assert "Seccomp:\t2\n" in status


@pytest.mark.parametrize(
    "deed",
    [
        "socket.socket()",
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
        "open('/etc/passwd')",
        "open('/tmp/written', 'w')",
        "os.pipe()",
        "os.kill(os.getppid(), 0)",
        "os.unlink('/tmp/nothing')",
        "os.setuid(65534)",
    ],
)
def test_the_kernel_refuses_what_the_filter_does_not_name(deed):
    text = (
        f"import ctypes, os, socket, sys; sys.path.insert(0, {str(JAIL)!r}); import system_calls\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "libc.prctl(38, 1, 0, 0, 0)\nassert system_calls.confine(libc)\n"
        f"try:\n    {deed}\nexcept PermissionError:\n    os._exit(7)\n"
    )
    done = subprocess.run([sys.executable, "-I", "-B", "-c", text], check=False, timeout=120)

    assert done.returncode == 7


def answer(program, architecture, number):
    """Run a filter as the kernel does, as far as its three instructions go."""
    words = {0: number, 4: architecture}
    steps = list(struct.iter_unpack("=HBBI", program))
    at = loaded = 0
    while True:
        code, if_equal, otherwise, value = steps[at]
        at += 1
        if code == 0x06:
            return value
        if code == 0x20:
            loaded = words[value]
        else:
            at += if_equal if loaded == value else otherwise


@pytest.mark.parametrize(
    ("architecture", "allowed", "refused"),
    [
        # read, write, mmap, futex, exit_group | open, socket, connect, clone, fork, execve, ptrace,
        # mount, kill, openat, clone3, and a call of the x32 form
        (X86, (0, 1, 9, 202, 231), (2, 41, 42, 56, 57, 59, 101, 165, 62, 257, 435, 1 << 30)),
        # the same calls; openat, socket, connect, clone, execve, ptrace, mount, kill, clone3
        (ARM, (63, 64, 222, 98, 94), (56, 198, 203, 220, 221, 117, 40, 129, 435)),
    ],
)
def test_the_filter_names_what_is_needed_and_nothing_else(architecture, allowed, refused):
    program = system_calls.program(*architecture)

    assert {answer(program, architecture[0], each) for each in allowed} == {0x7FFF0000}
    assert {answer(program, architecture[0], each) for each in refused} == {0x00050001}


def test_calls_by_the_numbers_of_another_architecture_end_the_process():
    assert answer(system_calls.program(*X86), 0x40000003, 1) == 0x80000000
