"""Let this process make only the system calls that judging needs; all others fail with EPERM.

An allow-list, because a kernel gains calls every year and a rule needs few: memory, time, random
bytes, and the two pipes that are open already. A refused call fails rather than kills: Python turns
it into an `OSError`, so that the rule, and not its worker, is what failed. A call by another
architecture's numbers ends the process.

Source: https://www.kernel.org/doc/html/latest/userspace-api/seccomp_filter.html, and the numbers of
arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h (2026).
"""

import ctypes
import platform
import struct

_PR_SET_SECCOMP = 22
_MODE_FILTER = 2
_ALLOW = 0x7FFF0000
_KILL_PROCESS = 0x80000000
_REFUSE = 0x00050000 | 1  # EPERM
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_NUMBER_OFFSET, _ARCHITECTURE_OFFSET = 0, 4

# name: number on x86_64, number on aarch64 (-1: it has none)
_ALLOWED = {
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "fstat": (5, 80), "lseek": (8, 62),
    "poll": (7, -1), "ppoll": (271, 73), "mmap": (9, 222), "mprotect": (10, 226),
    "munmap": (11, 215), "brk": (12, 214), "mremap": (25, 216), "madvise": (28, 233),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132), "restart_syscall": (219, 128), "futex": (202, 98),
    "sched_yield": (24, 124), "sched_getaffinity": (204, 123), "nanosleep": (35, 101),
    "clock_nanosleep": (230, 115), "clock_gettime": (228, 113), "clock_getres": (229, 114),
    "gettimeofday": (96, 169), "time": (201, -1), "setitimer": (38, 103), "getrandom": (318, 278),
    "getpid": (39, 172), "gettid": (186, 178), "getuid": (102, 174), "geteuid": (107, 175),
    "getgid": (104, 176), "getegid": (108, 177), "getcwd": (79, 17), "uname": (63, 160),
    "sysinfo": (99, 179), "getrusage": (98, 165), "times": (100, 153), "membarrier": (324, 283),
    "rseq": (334, 293), "exit": (60, 93), "exit_group": (231, 94),
}  # fmt: skip
# The kernel's name for the architecture, and the column above.
_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def confine(libc: ctypes.CDLL) -> bool:
    """Put the filter in force for the rest of this process; return whether the system has it.

    Args:
        libc: its `prctl` is called; no new privileges must have been asked for before.
    """
    known = _ARCHITECTURES.get(platform.machine())
    if known is None:
        return False
    code = program(*known)
    prepared = _Program(len(code) // 8, code)
    return bool(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(prepared), 0, 0) == 0)


def program(architecture: int, column: int) -> bytes:
    """Return the filter in the kernel's form: 8 bytes an instruction."""
    numbers = [pair[column] for pair in _ALLOWED.values() if pair[column] >= 0]
    count = len(numbers)
    checks = [(_JUMP_IF_EQUAL, count - at, 0, each) for at, each in enumerate(numbers)]
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE_OFFSET),
        (_JUMP_IF_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER_OFFSET),
        *checks,
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
