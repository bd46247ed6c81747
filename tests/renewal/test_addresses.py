"""Waiting until this machine is another."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from ipaddress import ip_address

import pytest

from housekey.homeassistant.names import Machine
from housekey.renewal.addresses import SETTLE_SECONDS, AddressWatch
from tests.needs import require

HERE = Machine("pi", "pi.lan", (ip_address("192.168.1.20"),))
NOWHERE = Machine("pi", "pi.lan", ())
MOVED = Machine("pi", "pi.lan", (ip_address("192.168.1.99"),))
RENAMED = Machine("house", "house.lan", (ip_address("192.168.1.20"),))


def what_is_told(*looks: Machine) -> tuple[list[Machine], list[float]]:
    """Watch a machine that is seen as `looks`, one after the other, until the last is over."""
    seen = iter(looks)
    slept: list[float] = []
    told: list[Machine] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0)

    def look() -> Machine:
        try:
            return next(seen)
        except StopIteration:
            raise EOFError from None

    async def watch() -> None:
        with AddressWatch(look, sleep=sleep) as watch, contextlib.suppress(EOFError):
            while True:
                told.append(await watch.changed())

    asyncio.run(watch())
    return told, slept


@pytest.mark.parametrize("other", [MOVED, RENAMED, NOWHERE])
def test_another_address_or_name_is_told_once_it_has_settled(other: Machine) -> None:
    told, slept = what_is_told(HERE, HERE, other, other, other, other)
    assert told == [other]
    assert SETTLE_SECONDS in slept


def test_a_cable_that_is_pulled_and_put_back_is_not_told() -> None:
    told, _ = what_is_told(HERE, NOWHERE, HERE, HERE, HERE)
    assert told == []


def test_what_goes_on_changing_is_told_when_it_has_come_to_rest() -> None:
    told, _ = what_is_told(HERE, NOWHERE, MOVED, NOWHERE, MOVED, MOVED, MOVED, MOVED)
    assert told == [MOVED]


# In a network of its own, where an address can be given to the loopback.
_IN_A_NETWORK_OF_ITS_OWN = """
import asyncio, ctypes, fcntl, socket, struct, sys
CLONE_NEWNET = 0x40000000
if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
    sys.exit(77)
from housekey.homeassistant.names import Machine
from housekey.renewal import addresses

def give(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        ip = socket.inet_aton(address)
        request = struct.pack("16sH2s4s8s", b"lo", socket.AF_INET, b"", ip, b"")
        fcntl.ioctl(control, 0x8916, request)  # SIOCSIFADDR

given = []
def look():
    return Machine("pi", "pi", tuple(given))

async def never(seconds):
    if seconds == addresses.SETTLE_SECONDS:
        return
    await asyncio.Event().wait()

async def main():
    with addresses.AddressWatch(look, sleep=never) as watch:
        assert watch.by_kernel
        waiting = asyncio.ensure_future(watch.changed())
        await asyncio.sleep(0)
        given.append("10.9.8.7")
        give("10.9.8.7")
        async with asyncio.timeout(60):
            print((await waiting).addresses)

asyncio.run(main())
"""


def test_the_kernel_says_it_at_once_without_a_look_every_minute() -> None:
    require(sys.platform.startswith("linux") and os.geteuid() == 0, "root on Linux, to make a net")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _IN_A_NETWORK_OF_ITS_OWN],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    require(done.returncode != 77, "the right to make a network of its own")
    assert (done.returncode, done.stdout) == (0, "('10.9.8.7',)\n"), done
