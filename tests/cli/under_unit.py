"""Runs a program under what a unit's hardening asks of the kernel, where no systemd runs.

    python under_unit.py UNIT -- PROGRAM…

Done as systemd does it: no-new-privileges, umask, capabilities that root keeps, MemoryDenyWrite-
Execute (prctl(2), PR_SET_MDWE), and by seccomp the filter of system calls, which
`systemd-analyze syscall-filter` spells out, and the families of sockets. Of what takes a name space
of mounts there are ProtectSystem=strict with ReadWritePaths, ProtectHome and PrivateTmp, as
systemd.exec(5) tells them. Not done are PrivateDevices and the other Protect*= of the kernel's.
"""

from __future__ import annotations

import ctypes
import os
import re
import shlex
import struct
import subprocess
import sys
from pathlib import Path

NUMBERS = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
_CAPABILITIES = {"CAP_CHOWN": 0, "CAP_DAC_OVERRIDE": 1, "CAP_FOWNER": 3} | {
    "CAP_SETGID": 6,
    "CAP_SETUID": 7,
}
_FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}
# linux/prctl.h, linux/seccomp.h, linux/bpf_common.h
_CAPBSET_DROP, _NO_NEW_PRIVS, _SECCOMP, _MDWE = 24, 38, 22, 65
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_NUMBER_AT, _ARGUMENT_AT = 0, 16
_EPERM, _EAFNOSUPPORT = 1, 97
# linux/sched.h, sys/mount.h, linux/mount.h, linux/fcntl.h; the number is that of x86_64
_NEWNS, _BIND, _REC, _PRIVATE, _RDONLY = 0x20000, 4096, 16384, 1 << 18, 1
_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE = 442, -100, 0x8000
_API = ("/dev", "/proc", "/sys")  # ProtectSystem=strict leaves them to other settings
_HOMES, _TEMPORARY = ("/home", "/root", "/run/user"), ("/tmp", "/var/tmp")


def settings_of(unit: str) -> dict[str, list[str]]:
    """The settings of a unit, by their names."""
    found: dict[str, list[str]] = {}
    for line in unit.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def calls_of(words: list[str]) -> set[str]:
    """The system calls of a filter, its sets spelled out."""
    calls = set()
    for word in words:
        if not word.startswith("@"):
            calls.add(word)
            continue
        told = subprocess.run(
            ["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True
        ).stdout
        inner = [line.strip() for line in told.splitlines()[1:]]
        calls |= calls_of([each for each in inner if each and not each.startswith("#")])
    return calls


def program(calls: set[str], families: list[str]) -> bytes:
    """The filter: these calls, and sockets of these families, are allowed, all else refused."""
    known = {
        name: int(number)
        for name, number in re.findall(r"#define __NR_(\w+) (\d+)", NUMBERS.read_text())
    }
    code = [(_LOAD, 0, 0, _NUMBER_AT)]
    for name in sorted(calls & known.keys() - {"socket"}):
        code += [(_EQUAL, 0, 1, known[name]), (_RETURN, 0, 0, _ALLOW)]
    if "socket" in calls:
        code += [(_EQUAL, 0, 2 * len(families) + 2, known["socket"]), (_LOAD, 0, 0, _ARGUMENT_AT)]
        for family in families:
            code += [(_EQUAL, 0, 1, _FAMILIES[family]), (_RETURN, 0, 0, _ALLOW)]
        code.append((_RETURN, 0, 0, _REFUSE | _EAFNOSUPPORT))
    code.append((_RETURN, 0, 0, _REFUSE | _EPERM))
    return b"".join(struct.pack("=HBBI", *each) for each in code)


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_char_p))


class Mounts:
    """The mounts of this process alone."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._must(self._libc.unshare(_NEWNS))
        self._mount("none", "/", None, _REC | _PRIVATE)

    def protect(self, told: dict[str, list[str]]) -> None:
        """Make all read-only but what the unit names, and hide what it hides."""
        writable = [
            path
            for word in shlex.split(" ".join(told["ReadWritePaths"]))
            if Path(path := word.removeprefix("-")).exists() or not word.startswith("-")
        ]
        for path in (*writable, *_API):
            self._mount(path, path, None, _BIND | _REC)
        self._set("/", _RDONLY, 0)
        for path in (*writable, *_API):
            self._set(path, 0, _RDONLY)
        hidden = _HOMES if told["ProtectHome"] == ["yes"] else ()
        for path in (each for each in hidden if Path(each).is_dir()):
            self._mount("tmpfs", path, "tmpfs", _RDONLY, "mode=000")
        private = _TEMPORARY if told["PrivateTmp"] == ["yes"] else ()
        for path in private:
            self._mount("tmpfs", path, "tmpfs", 0, "mode=1777")

    def _mount(self, what: str, where: str, kind: str | None, flags: int, data: str = "") -> None:
        words = [each and each.encode() for each in (what, where, kind)]
        self._must(self._libc.mount(*words, ctypes.c_ulong(flags), data.encode()))

    def _set(self, path: str, on: int, off: int) -> None:
        attributes = struct.pack("=4Q", on, off, 0, 0)
        self._must(
            self._libc.syscall(
                *(_MOUNT_SETATTR, _AT_FDCWD, path.encode(), _AT_RECURSIVE),
                *(attributes, ctypes.c_size_t(len(attributes))),
            )
        )

    def _must(self, answer: int) -> None:
        if answer != 0:
            raise OSError(ctypes.get_errno(), "mounts of its own")


def harden(unit: str) -> list[str]:
    """Do it to this process; return what this kernel could not."""
    told = settings_of(unit)
    if "ProtectSystem" in told:
        try:
            Mounts().protect(told)
        except OSError as error:
            return [f"ProtectSystem ({error})"]
    words = " ".join(told["SystemCallFilter"]).split()
    code = program(calls_of(words), told["RestrictAddressFamilies"][0].split())
    call = ctypes.CDLL(None, use_errno=True).prctl
    zero = ctypes.c_ulong(0)
    lacking = []
    os.umask(int(told["UMask"][0], 8))
    kept = {_CAPABILITIES[each] for each in " ".join(told["CapabilityBoundingSet"]).split()}
    if os.geteuid() == 0:
        for number in range(64):
            if number not in kept:
                call(_CAPBSET_DROP, ctypes.c_ulong(number), zero, zero, zero)
    if call(_MDWE, ctypes.c_ulong(1), zero, zero, zero) != 0:
        lacking.append("MemoryDenyWriteExecute")
    if call(_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero) != 0:
        lacking.append("NoNewPrivileges")
    given = _Program(len(code) // 8, code)
    if call(_SECCOMP, ctypes.c_ulong(2), ctypes.byref(given), zero, zero) != 0:
        lacking.append("SystemCallFilter")
    return lacking


if __name__ == "__main__":
    path, dashes, *command = sys.argv[1:]
    assert dashes == "--"
    if missing := harden(Path(path).read_text()):
        sys.exit(f"this kernel has no {' and no '.join(missing)}")
    os.execv(command[0], command)
