"""What happens to a home in ten years beside renewals, by the day on which it does."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING

from housekey.homeassistant.recorded import LABEL
from housekey.house.backup import back_up, open_backup
from housekey.house.generations import Kind
from housekey.house.lock import house_lock
from housekey.house.recovering import recover, remains_of
from housekey.house.restoring import restore
from housekey.house.revoking import choose, replace, revoke
from housekey.house.root_key import open_root_key
from housekey.house.rotating import finish, prepare_new_root
from housekey.house.sealing import OpenedBy
from housekey.pki.crl import Reason
from housekey.pki.names import IpName, parse_name
from housekey.pki.secret import Secret
from tests.years.home import DAY, Device, Home

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from cryptography.x509 import Certificate

STOLEN, INTEGRATION, ROTATED, LOST, RECOVERED = 800, 1000, 1461, 2300, 3000
FINISHED, RESTORED = ROTATED + 90, LOST + 3
_PASSPHRASE = Secret(b"the passphrase of a backup")
_CHEAP = 2**10  # scrypt's cost: what it costs really is measured elsewhere

# When the machine's clock goes wrong, for the round of one day, and what it says then.
GLITCHES: dict[int, Callable[[datetime], datetime]] = {
    500: lambda _: datetime(1970, 1, 1, tzinfo=UTC),
    900: lambda _: datetime(2050, 1, 1, tzinfo=UTC),
    1200: lambda now: now + 25 * DAY,
    2000: lambda now: now - 60 * DAY,
    2700: lambda now: now - 400 * DAY,
    3300: lambda now: now + 40 * DAY,
}


def is_there(day: int) -> bool:
    """Whether the machine with the house is."""
    return not LOST <= day < RESTORED


def back_up_the_house(home: Home) -> None:
    with home.opened() as house, house_lock(home.folder, wait=0, files=home.files):
        back_up(
            house,
            home.backup,
            _PASSPHRASE,
            opened_by=OpenedBy.PASSPHRASE,
            at=home.clock(),
            cost=_CHEAP,
        )
    home.counted.events["a backup"] += 1


def change_an_address(home: Home, day: int, chance: random.Random) -> None:
    """DHCP, another IPv6 prefix, a host that is renamed."""
    names, told = list(home.home_assistant.names), home.counted.events
    if chance.random() < 1 / 150:
        names[2] = IpName(ip_address(f"192.168.1.{chance.randrange(20, 250)}"))
        told["another address by DHCP"] += 1
    if chance.random() < 1 / 400:
        names[3] = IpName(ip_address(f"fd{chance.randrange(256):02x}:{day:x}::20"))
        told["another IPv6 prefix"] += 1
    if chance.random() < 1 / 900:
        names[1] = parse_name(f"pi{day}.local")
        told["a host renamed"] += 1
    home.home_assistant.names = tuple(names)


def _a_thing_is_stolen(home: Home) -> None:
    """With its key: revoked, listed and replaced."""
    reason, now = Reason.KEY_COMPROMISE, home.clock()
    with home.opened() as house, house_lock(home.folder, wait=0, files=home.files):
        chosen = choose(house, "thing7.lan", reason=reason, now=now)
        revoke(house, chosen.targets, reason=reason, by="test", at=now)
        assert chosen.to_replace is not None
        replace(house, chosen.to_replace)
    home.counted.events["certificates revoked"] += len(chosen.targets)


def _the_integration_is_set_up(home: Home) -> None:
    home.home_assistant.has_integration = True


def _a_new_root(home: Home) -> None:
    """With the recovery code, so that the old root vouches for the new one."""
    with home.opened() as house, house_lock(home.folder, wait=0, files=home.files):
        old_key = open_root_key(house, home.recovery_code)
        new = prepare_new_root(house, Kind.CROSSED, old_key=old_key)
        new.write(house)
    home.recovery_code = new.recovery_code
    home.counted.events["a new root"] += 1


def _root_of(home: Home) -> Certificate:
    with home.opened() as house:
        return house.root


def _learns(kind: str) -> Callable[[Home], None]:
    """A device goes to the onboarding page, and trusts both roots from then on."""

    def learn(home: Home) -> None:
        for device in home.devices:
            if device.kind == kind:
                device.trusts = (*device.trusts, _root_of(home))

    return learn


def _somebody_buys_a_phone(home: Home) -> None:
    home.devices.append(Device("new phone", (_root_of(home),)))


def _the_old_root_is_dropped(home: Home) -> None:
    with home.opened() as house, house_lock(home.folder, wait=0, files=home.files):
        finish(house)
    home.counted.events["an old root dropped"] += 1


def _devices_forget_the_old_root(home: Home) -> None:
    root = _root_of(home)
    for device in home.devices:
        device.trusts = (root,)


def _the_machine_is_lost(home: Home) -> None:
    shutil.rmtree(home.folder)
    home.home_assistant.chain = ()
    home.home_assistant.restart_at = home.home_assistant.waiting = None
    home.counted.events["a machine lost"] += 1


def _a_machine_is_bought_and_the_house_restored(home: Home) -> None:
    """From the last backup, which lacks what was issued since; at another address."""
    home.folder = home.folder.with_name("house on another machine")
    opened = open_backup(home.backup, lambda _: _PASSPHRASE, files=home.files)
    restore(
        opened, home.folder, source=home.backup, replace=False, files=home.files, clock=home.clock
    )
    names = home.home_assistant.names
    home.home_assistant.names = (*names[:2], parse_name("192.168.1.77"), names[3])
    with home.opened() as house:
        leaf = house.leaf(LABEL)
    assert leaf is not None
    home.home_assistant.present(leaf)
    home.counted.events["a house restored"] += 1


def _the_issuing_key_is_lost(home: Home) -> None:
    """And the recovery code makes another issuing CA."""
    (home.folder / "issuing.key").unlink()
    with house_lock(home.folder, wait=0, files=home.files):
        recover(
            remains_of(home.folder, files=home.files),
            home.recovery_code,
            leaked=False,
            files=home.files,
            now=home.clock(),
        )
    home.counted.events["a new issuing CA"] += 1


HAPPENINGS: dict[int, Callable[[Home], None]] = {
    STOLEN: _a_thing_is_stolen,
    INTEGRATION: _the_integration_is_set_up,
    ROTATED: _a_new_root,
    ROTATED + 20: _learns("phone"),
    ROTATED + 30: _somebody_buys_a_phone,
    ROTATED + 60: _learns("laptop"),
    ROTATED + 89: _learns("tablet"),
    FINISHED: _the_old_root_is_dropped,
    FINISHED + 10: _devices_forget_the_old_root,
    LOST: _the_machine_is_lost,
    RESTORED: _a_machine_is_bought_and_the_house_restored,
    RECOVERED: _the_issuing_key_is_lost,
}
