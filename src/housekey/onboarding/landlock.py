"""Landlock: a process of Linux gives up files and connections, for good, needing no rights for it.

Sources: landlock(7), and docs.kernel.org/userspace-api/landlock.html. The numbers are those of
linux/landlock.h; the three system calls have the same number on every architecture.
"""

from __future__ import annotations

import ctypes
import os
import sys

_CREATE_RULESET = 444
_RESTRICT_SELF = 446
_ASK_FOR_VERSION = 1  # LANDLOCK_CREATE_RULESET_VERSION

# How many kinds of access to files there are, by the version ("ABI") that brought them: 13 at
# first; then REFER, TRUNCATE, nothing, IOCTL_DEV. They are the lowest bits of one number.
_KINDS_OF_ACCESS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_NET_SINCE = 4  # LANDLOCK_ACCESS_NET_BIND_TCP, _CONNECT_TCP
_SCOPE_SINCE = 6  # LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET, _SIGNAL
_BOTH = 0b11


class _Ruleset(ctypes.Structure):
    """struct landlock_ruleset_attr."""

    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


def version() -> int:
    """Return the version of Landlock that this kernel speaks; 0 when it has none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, _syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_FOR_VERSION))


def give_up_everything() -> bool:
    """Let this thread open no file and no folder, start no program, bind and connect nothing.

    What is open stays open. It holds for this thread and what it starts: call it while there is
    no other. PR_SET_NO_NEW_PRIVS must be set. Returns whether it holds.
    """
    known = version()
    if known < 1:
        return False
    # Every kind of access is under rules, and there is no rule that allows anything.
    ruleset = _Ruleset(
        handled_access_fs=(1 << _KINDS_OF_ACCESS[min(known, max(_KINDS_OF_ACCESS))]) - 1,
        handled_access_net=_BOTH if known >= _NET_SINCE else 0,
        scoped=_BOTH if known >= _SCOPE_SINCE else 0,
    )
    # An older kernel takes a longer structure, as long as what it does not know is 0.
    fd = _syscall(
        _CREATE_RULESET, ctypes.byref(ruleset), ctypes.c_size_t(ctypes.sizeof(ruleset)), 0
    )
    if fd < 0:
        return False
    try:
        return _syscall(_RESTRICT_SELF, ctypes.c_int(fd), 0) == 0
    finally:
        os.close(fd)


def _syscall(number: int, *arguments: object) -> int:
    """Make a system call that the C library has no function for; -1 when it failed."""
    call = ctypes.CDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    return int(call(ctypes.c_long(number), *arguments))
