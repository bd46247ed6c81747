"""A process that faces the network gives up what it does not need, once it has all it needs.

It is called when everything is imported, read and listening. From then on the process can answer
on the sockets that it has, and that is all: no file is opened, not even one that everybody may
read, no program started, no connection made, no other process looked into. That holds for root as
well. What holds is returned in words, because kernels and systems differ.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
import threading

from housekey.onboarding import landlock as landlock_
from housekey.onboarding import seccomp as seccomp_

# Each of these alone keeps a process from every file.
FROM_FILES = frozenset({"landlock", "seccomp"})

_NOBODY = 65534  # where the system knows none by name: the kernel's own (proc(5), overflowuid)
_OPEN_FILES = 2048  # sockets, that is; a process of macOS gets 256 if it does not ask

# linux/prctl.h
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38


def confine(*, landlock: bool = True, seccomp: bool = True) -> tuple[str, ...]:
    """Give up everything, and return what holds, among:

    * `limits`: no file grows (RLIMIT_FSIZE), no memory is dumped into one (RLIMIT_CORE), no
      process or thread is started (RLIMIT_NPROC; not for root): getrlimit(2);
    * `nobody`: it was root, and is nobody now, without groups and without capabilities:
      setuid(2), capabilities(7);
    * `no-new-privileges`: no program that it started would have more rights: prctl(2);
    * `not-dumpable`: others of the same user can neither read its memory nor its /proc: prctl(2);
    * `landlock`: it opens no file, starts no program, binds and connects nothing: landlock(7);
    * `seccomp`: the same, and more, refused by number: seccomp(2).

    `landlock` and `seccomp` leave one out, so that the other can be proven alone.
    """
    held = ["limits"]
    _limit()
    if _become_nobody():
        held.append("nobody")
    # After the change of user, which would make the process dumpable again, and lose the signal.
    if _prctl(_PR_SET_NO_NEW_PRIVS, 1):
        held.append("no-new-privileges")
    if _prctl(_PR_SET_DUMPABLE, 0):
        held.append("not-dumpable")
    die_with_parent()
    if landlock and threading.active_count() == 1 and landlock_.give_up_everything():
        held.append("landlock")
    if seccomp and seccomp_.refuse_the_rest():
        held.append("seccomp")
    return tuple(held)


def die_with_parent() -> None:
    """Let the kernel end this process when its parent ends, where the kernel can (Linux)."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _limit() -> None:
    for which in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(which, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    many = _OPEN_FILES if most == resource.RLIM_INFINITY else min(_OPEN_FILES, most)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (many, many))


def _become_nobody() -> bool:
    if os.geteuid() != 0:
        return False
    import pwd  # noqa: PLC0415 - only here

    try:
        nobody = pwd.getpwnam("nobody")
        user, group = nobody.pw_uid, nobody.pw_gid
    except KeyError:
        user = group = _NOBODY
    try:
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
    except OSError:  # root of a container that may not; the rest holds for root too
        return False
    return True


def _prctl(option: int, value: int) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    call = ctypes.CDLL(None, use_errno=True).prctl
    zero = ctypes.c_ulong(0)
    return bool(call(ctypes.c_int(option), ctypes.c_ulong(value), zero, zero, zero) == 0)
