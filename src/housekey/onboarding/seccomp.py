"""seccomp: the kernel refuses the system calls that a process which only answers never needs.

It stands behind Landlock where there is Landlock, and alone on kernels without it. Sources:
seccomp(2), and docs.kernel.org/userspace-api/seccomp_filter.html; the numbers are those of
asm/unistd_64.h (x86_64) and asm-generic/unistd.h (aarch64).

It is a list of what is refused, not of what is allowed: the interpreter and the C library change
which calls they make from release to release, and a page that ends in the middle of a home's
onboarding, because of a new way to ask for the time, would help nobody. What is refused answers
EACCES, which Python reports as PermissionError.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys

# name: (on x86_64, on aarch64)
REFUSED: dict[str, tuple[int | None, int | None]] = {
    # to open, to list, to look at
    "open": (2, None),
    "creat": (85, None),
    "openat": (257, 56),
    "openat2": (437, 437),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "open_tree": (428, 428),
    "getdents": (78, None),
    "getdents64": (217, 61),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "chdir": (80, 49),
    "fchdir": (81, 50),
    "chroot": (161, 51),
    # to change
    "truncate": (76, 45),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "rmdir": (84, None),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "link": (86, None),
    "linkat": (265, 37),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "chmod": (90, None),
    "fchmodat": (268, 53),
    "chown": (92, None),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "fchmodat2": (452, 452),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    # what is kept beside a file
    "getxattr": (191, 8),
    "lgetxattr": (192, 9),
    "getxattrat": (464, 464),
    "listxattr": (194, 11),
    "llistxattr": (195, 12),
    "listxattrat": (465, 465),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "removexattrat": (466, 466),
    "inotify_add_watch": (254, 27),
    "fanotify_init": (300, 262),
    # to become another program, or more than one process
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    "clone": (56, 220),
    "clone3": (435, 435),
    # to look into other processes, or to end them
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
    "prlimit64": (302, 261),
    # to share memory, or a queue, with other processes
    "shmget": (29, 194),
    "shmat": (30, 196),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    # a socket of its own
    "socket": (41, 198),
    "socketpair": (53, 199),
    "bind": (49, 200),
    "listen": (50, 201),
    "connect": (42, 203),
    # ways around all that, and what only the system's own programs need
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "userfaultfd": (323, 282),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "memfd_create": (319, 279),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "pivot_root": (155, 41),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "personality": (135, 92),
}

# linux/audit.h, and the number of seccomp(2) itself
_MACHINES = {"x86_64": (0, 0xC000003E, 317), "aarch64": (1, 0xC00000B7, 277)}
_X32 = 0x40000000  # x86_64's other numbers for the same calls (seccomp(2), "caveats")

_SET_MODE_FILTER = 1
_ALL_THREADS = 1  # SECCOMP_FILTER_FLAG_TSYNC
_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000 | errno.EACCES

# linux/bpf_common.h: load a word of what is asked; jump if equal, if not less; return
_LOAD, _JUMP_EQUAL, _JUMP_FROM, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_AT, _MACHINE_AT = 0, 4  # in struct seccomp_data


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def refuse_the_rest() -> bool:
    """Refuse what is in `REFUSED` to this process from now on; return whether it holds.

    PR_SET_NO_NEW_PRIVS must be set.
    """
    # A 32-bit interpreter makes other calls than its kernel is named for.
    machine = _MACHINES.get(platform.machine()) if struct.calcsize("P") == 8 else None
    if machine is None or not sys.platform.startswith("linux"):
        return False
    column, audit, seccomp = machine
    numbers = sorted(each for pair in REFUSED.values() if (each := pair[column]) is not None)
    code = program(numbers, audit=audit, x32=column == 0)
    call = ctypes.CDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    given = _Program(len(code) // 8, code)
    return bool(
        call(ctypes.c_long(seccomp), _SET_MODE_FILTER, _ALL_THREADS, ctypes.byref(given)) == 0
    )


def program(numbers: list[int], *, audit: int, x32: bool) -> bytes:
    """Return the filter: other machines' calls and `numbers` are refused, all else is allowed.

    A jump says how many instructions it leaps over, 255 at most.
    """
    head = [(_LOAD, 0, 0, _MACHINE_AT), (_JUMP_EQUAL, 1, 0, audit), (_RETURN, 0, 0, _REFUSE)]
    head.append((_LOAD, 0, 0, _NUMBER_AT))
    tests = [(_JUMP_EQUAL, number) for number in numbers]
    if x32:
        tests.insert(0, (_JUMP_FROM, _X32))
    jumps = [(code, len(tests) - at, 0, value) for at, (code, value) in enumerate(tests)]
    tail = [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    return b"".join(struct.pack("=HBBI", *each) for each in (*head, *jumps, *tail))
