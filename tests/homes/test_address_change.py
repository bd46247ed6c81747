"""`housekey run` and a real Home Assistant, on a machine that the router gives another address.

Nothing is played: the kernel says that there is another address, the watch hears it and waits
until things have come to rest, the round issues, and the integration takes it while it runs.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import Person
from tests.cli.test_run import Running
from tests.command import Owner
from tests.homes.own_network import give_address, own_network
from tests.homes.test_renew import not_now
from tests.inside.integration import added, complaints, give, secured

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import NewHome

# Of each TLS connection aiohttp leaves the goodbye to a loop that has ended already.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
BEFORE, AFTER = "192.168.77.20", "192.168.77.99"


@pytest.fixture
def network() -> Iterator[None]:
    with own_network():
        give_address(BEFORE)
        yield


def reached(address: str, port: int, root: Path) -> str | None:
    """The serial number of what a device meets under `address`; None: it refuses it."""
    trusts = ssl.create_default_context(cafile=str(root))
    try:
        with (
            socket.create_connection((address, port), timeout=60) as plain,
            trusts.wrap_socket(plain, server_hostname=address) as met,
        ):
            certificate = met.getpeercert()
    except ssl.SSLCertVerificationError:
        return None
    assert certificate is not None
    return str(certificate["serialNumber"])


def test_a_new_address_is_in_the_certificate_while_home_assistant_runs_on(
    network: None, home_2026_11: NewHome, tmp_path: Path
) -> None:
    home = home_2026_11(start=False)
    give(home)
    home.start()
    person = Person(tmp_path)
    owner = Owner.of(home, tmp_path)
    first = owner.secure()
    assert first.code == 0, first
    root = owner.house / "root.pem"
    home.wait_until_running(scheme="https")
    api = secured(home, root)
    added(api, port=home.port)
    starts, process = home.starts, home.pid
    old = reached(BEFORE, home.port, root)
    assert old is not None

    options = ("--config", home.config, "--token-file", owner.token_file, not_now(), "--no-page")
    with Running(person, *map(str, options)) as running:
        running.wait_for("next")
        assert "renewed" not in running.log
        give_address(AFTER, number=2)
        assert reached(AFTER, home.port, root) is None, "its name is not in the certificate yet"
        running.wait_for("this machine has another address or name")
        running.wait_for("renewed")
        assert f"new names: {AFTER}); Home Assistant ran on" in running.log
        assert running.end() == 0
    new = reached(AFTER, home.port, root)
    assert new not in (None, old)
    assert reached(BEFORE, home.port, root) == new, "the address from before is still there"
    assert (home.starts, home.pid) == (starts, process)
    assert [each for each in complaints(home) if "load_certificate" in each] == []
