"""A process that faces the network can open nothing, whoever it is; the kernel is asked."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import platform
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from housekey.house.files import Files
from housekey.house.house import House, prepare_house
from housekey.onboarding import landlock, seccomp
from housekey.onboarding.confine import FROM_FILES
from housekey.pki.encoding import to_der
from housekey.pki.subject import Subject
from tests.needs import require
from tests.onboarding.confined_child import Orders
from tests.onboarding.sharing import a_pair, an_offer, ask, sharing, trusting
from tests.pki.houses import NOW, names

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).parents[2]
AN_ORDINARY_USER = 12345
A_PAGE = "read /etc/passwd"


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other users can reach; pytest's own are root's alone."""
    folder = Path(tempfile.mkdtemp(prefix="housekey-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def house(place: Path) -> Path:
    """A real house, with a leaf."""
    new = prepare_house(
        names=names("homeassistant.local"),
        subject=Subject(None, organization="Our Home"),
        clock=lambda: NOW,
    )
    with new.write(place / "house", Files()) as opened:
        opened.issue("homeassistant", names("homeassistant.local"))
    return place / "house"


@pytest.fixture
def listener() -> Iterator[int]:
    """A port where somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def attempted(orders: Orders, house: Path) -> dict[str, str]:
    """Run the process; the victim of its attempts is a process of the same user."""
    user = orders.user if orders.user is not None else os.getuid()
    if os.getuid() == 0:
        for path in (house, *house.rglob("*")):
            os.chown(path, user, user)
    become = {"user": user, "group": user, "extra_groups": ()} if os.getuid() == 0 else {}
    victim = subprocess.Popen(["sleep", "600"], **become)  # type: ignore[call-overload]
    try:
        ended = subprocess.run(
            [sys.executable, "-W", "error", "-m", "tests.onboarding.confined_child"],
            input=json.dumps(asdict(replace(orders, victim=victim.pid))) + "\n",
            capture_output=True,
            text=True,
            cwd=CHECKOUT,
            check=False,
            timeout=60,
        )
    finally:
        victim.kill()
        victim.wait()
    assert ended.stderr == ""
    assert ended.stdout.rstrip().endswith("}"), ended
    outcomes: dict[str, str] = json.loads(ended.stdout)
    return outcomes


def orders_for(house: Path, port: int, **changes: object) -> Orders:
    keys = sorted(str(path) for path in house.rglob("*") if path.is_file())
    assert {Path(key).name for key in keys} >= {
        "issuing.key",
        "root.key.sealed",
        "privkey.pem",
        "ledger.sqlite",
    }
    given: dict[str, object] = {
        "user": None,
        "landlock": True,
        "seccomp": True,
        "may_become_nobody": True,
        "confine": True,
        "folder": str(house),
        "files": [*keys, "/etc/passwd", "/dev/null"],
        "port": port,
        "victim": 0,
    }
    return Orders(**(given | changes))  # type: ignore[arg-type]


USERS = pytest.mark.parametrize(
    ("user", "may_become_nobody"),
    [(None, True), (None, False), (AN_ORDINARY_USER, False)],
    ids=["root", "root-that-cannot-become-nobody", "an-ordinary-user"],
)


@USERS
def test_who_is_confined_can_do_nothing_of_all_this(
    house: Path, listener: int, user: int | None, may_become_nobody: bool
) -> None:
    require(os.getuid() == 0, "root, to be any user")
    require(landlock.version() >= 6, "a kernel with Landlock's version 6")
    require(platform.machine() == "x86_64", "x86_64, whose system calls are made here")
    orders = orders_for(house, listener, user=user, may_become_nobody=may_become_nobody)
    outcomes = attempted(orders, house)
    held = set(outcomes.pop("held"))
    assert held == {"limits", "no-new-privileges", "not-dumpable", "landlock", "seccomp"} | (
        {"nobody"} if may_become_nobody else set()
    )
    if user is None and not may_become_nobody:
        # It is root; what remains of that opens nothing.
        assert outcomes.pop("become root") == "done"
    assert {name: how for name, how in outcomes.items() if how == "done"} == {}


@USERS
@pytest.mark.parametrize("alone", ["landlock", "seccomp"])
def test_landlock_and_seccomp_each_alone_keep_every_file_away(
    house: Path, listener: int, user: int | None, may_become_nobody: bool, alone: str
) -> None:
    require(os.getuid() == 0, "root, to be any user")
    require(landlock.version() >= 6, "a kernel with Landlock's version 6")
    require(platform.machine() == "x86_64", "x86_64, whose system calls are made here")
    orders = orders_for(house, listener, user=user, may_become_nobody=may_become_nobody)
    orders = replace(orders, landlock=alone == "landlock", seccomp=alone == "seccomp")
    outcomes = attempted(orders, house)
    assert FROM_FILES & set(outcomes.pop("held")) == {alone}
    # What Landlock does not know: sockets that need no connection, and the rest of the calls.
    beyond = {"send a datagram", "set up io_uring", "have a user namespace", "become root"}
    if alone == "landlock":
        beyond |= {"fork", "start a thread"}  # RLIMIT_NPROC, which is not for root
        # It knows contents; what stands beside them, the user's own rights decide.
        beyond |= {"change a mode", "change a mode in the newest way", "change a time"}
        beyond |= {"list extended attributes", "share memory", "limit a process"}
    done = {name for name, how in outcomes.items() if how == "done"}
    assert done <= (beyond if alone == "landlock" else {"become root"})


def test_who_is_not_confined_can_do_it_all(house: Path, listener: int) -> None:
    """So the attempts are real ones."""
    require(os.getuid() == 0, "root, to be any user")
    require(platform.machine() == "x86_64", "x86_64, whose system calls are made here")
    outcomes = attempted(orders_for(house, listener, confine=False), house)
    del outcomes["held"]
    outcomes.pop("set up io_uring")  # a machine may forbid it to everybody
    assert {name: how for name, how in outcomes.items() if how != "done"} == {}


# Since Linux 6.6 and 6.13; the same number everywhere (arch/x86/entry/syscalls/syscall_64.tbl).
NEWER = {"fchmodat2", "setxattrat", "getxattrat", "listxattrat", "removexattrat"}


@pytest.mark.parametrize(
    ("column", "header"),
    [
        (0, "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        (1, "/usr/include/asm-generic/unistd.h"),
    ],
    ids=["x86_64", "aarch64"],
)
def test_the_numbers_of_the_system_calls_are_the_kernels(column: int, header: str) -> None:
    require(Path(header).exists(), f"{header}, from linux-libc-dev")
    lines = Path(header).read_text()
    defined = {
        name: int(number)
        for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", lines)
    }
    known = {name: pair[column] for name, pair in seccomp.REFUSED.items()}
    # The headers of Debian 12 are those of Linux 6.1, and know less.
    newer = {
        name: number for name, number in known.items() if (number or 0) > max(defined.values())
    }
    assert {name: number for name, number in known.items() if number is not None} == {
        name: defined[name] for name in known if name in defined
    } | newer
    assert newer.keys() <= NEWER


def test_the_filter_refuses_the_calls_of_other_machines_and_what_is_listed() -> None:
    numbers = [1, 2, 59]
    code = seccomp.program(numbers, audit=0xC000003E, x32=True)
    assert [_run(code, 0xC000003E, number) for number in (0, 1, 2, 3, 58, 59, 60)] == [
        True, False, False, True, True, False, True,
    ]  # fmt: skip
    assert not _run(code, 0x40000003, 0)  # the 32-bit calls of the same processor
    assert not _run(code, 0xC000003E, 0x40000000)  # x32
    without = seccomp.program(numbers, audit=0xC00000B7, x32=False)
    assert _run(without, 0xC00000B7, 0x40000000)


def _run(code: bytes, audit: int, number: int) -> bool:
    """Run a filter as the kernel does; return whether it allows."""
    word, at = 0, 0
    steps = [struct.unpack_from("=HBBI", code, start) for start in range(0, len(code), 8)]
    while True:
        operation, yes, no, value = steps[at]
        at += 1
        if operation == 0x20:
            word = {0: number, 4: audit}[value]
        elif operation == 0x15:
            at += yes if word == value else no
        elif operation == 0x35:
            at += yes if word >= value else no
        elif operation == 0x06:
            return bool(value == 0x7FFF0000)
        else:
            raise AssertionError(operation)


# The real processes


def test_the_real_processes_have_nothing_of_the_house(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Command line, environment, open files and memory, as the kernel shows them to root."""
    require(os.getuid() == 0, "root, to look into the processes")
    require(landlock.version() >= 6, "a kernel with Landlock's version 6")
    monkeypatch.setenv("HOUSEKEY_HOUSE", str(house))
    monkeypatch.setenv("HASS_TOKEN", "a token of the administrator")
    monkeypatch.chdir(house)

    async def story() -> None:
        with House.open(house, files=Files(), clock=lambda: NOW) as opened:
            keys = {
                path.name: path.read_bytes()
                for path in (house / "issuing.key", house / "root.key.sealed")
            }
            issuing = load_pem_private_key(keys["issuing.key"], None)
            assert isinstance(issuing, EllipticCurvePrivateKey)
            number = issuing.private_numbers().private_value
            bare = [number.to_bytes(32, order) for order in ("big", "little")]
            offer = replace(an_offer(), root_der=to_der(opened.root))
            async with sharing(offer=offer) as shared:
                await ask(shared.port)
                await ask(shared.proof_port, tls=trusting())
                for pid in shared.serving.pids:
                    status = dict(
                        line.split(":\t", 1)
                        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
                    )
                    assert status["NoNewPrivs"] == "1"
                    assert status["Seccomp"] == "2"
                    assert status["Threads"] == "1"
                    assert status["Uid"].split() == ["65534"] * 4
                    assert status["Gid"].split() == ["65534"] * 4
                    assert status["Groups"].strip() == ""
                    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
                    leads_to = [str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()]
                    assert leads_to
                    assert {each.split(":")[0] for each in leads_to} <= {
                        "pipe",
                        "socket",
                        "anon_inode",
                    }
                    assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
                    for what in ("cmdline", "environ"):
                        shown = Path(f"/proc/{pid}/{what}").read_bytes()
                        assert shown
                        assert str(house).encode() not in shown
                        assert b"token" not in shown
                    memory = memory_of(pid)
                    assert offer.root_der in memory  # so the memory is really read
                    assert str(house).encode() not in memory
                    assert b"a token of the administrator" not in memory
                    assert not any(each in memory for each in bare)
                    for content in keys.values():
                        for line in content.splitlines()[1:-1]:
                            assert line not in memory

    asyncio.run(story())


def test_only_the_proof_has_the_key_of_its_leaf() -> None:
    require(os.getuid() == 0, "root, to look into the processes")

    async def story() -> None:
        async with sharing() as shared:
            page, proof = shared.serving.pids
            chain, _ = a_pair()
            secret = next(
                line for line in shared.key.reveal().splitlines() if not line.startswith(b"-")
            )
            assert secret in memory_of(proof)
            assert secret not in memory_of(page)
            assert chain.splitlines()[1] not in memory_of(page)

    asyncio.run(story())


def memory_of(pid: int) -> bytes:
    """Return everything that a process can write to, as one."""
    found = []
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            if not rights.startswith("rw"):
                continue
            start, end = (int(each, 16) for each in span.split("-"))
            with contextlib.suppress(OSError):
                memory.seek(start)
                found.append(memory.read(end - start))
    return b"".join(found)
