"""Installing the units and taking them away, with a systemctl that only notes what it is told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from housekey.errors import ServicePutBack, ServiceTrouble
from housekey.house.files import Files
from housekey.renewal.installing import Ran, Systemd, install, must_be_installable, remove
from housekey.renewal.units import RENEW_TIMER, SERVICE, Kind, units_of
from tests.renewal.test_units import KINDS, NEEDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SERVICES = units_of(Kind.SERVICE, NEEDS)
TIMERS = units_of(Kind.TIMER, NEEDS)


@dataclass
class FakeSystemctl:
    """Notes what it is told; refuses the words in `refuses`."""

    refuses: tuple[str, ...] = ()
    told: list[str] = field(default_factory=list)

    def __call__(self, words: Sequence[str]) -> Ran:
        self.told.append(" ".join(words))
        refused = any(each in words for each in self.refuses)
        return Ran(1, "Job failed.") if refused else Ran(0, "")


def systemd(folder: Path, systemctl: FakeSystemctl) -> Systemd:
    return Systemd(folder / "units", ("--user",), systemctl, Files())


def there(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "units").glob("*"))}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_installed_is_what_was_shown_and_uninstalling_leaves_nothing(
    kind: Kind, tmp_path: Path
) -> None:
    systemctl = FakeSystemctl()
    manager = systemd(tmp_path, systemctl)
    units = units_of(kind, NEEDS)
    must_be_installable(manager, units)
    install(manager, units)
    assert there(tmp_path) == {unit.name: unit.text.encode() for unit in units}
    last = units[-1].name
    assert systemctl.told[-3:] == [
        "systemctl --user daemon-reload",
        f"systemctl --user enable {last}",
        f"systemctl --user restart {last}",
    ]
    install(manager, units)  # once more, as an update would
    systemctl.told.clear()
    assert len(remove(manager)) == len(units)
    assert there(tmp_path) == {}
    assert f"systemctl --user disable --now {last}" in systemctl.told
    assert systemctl.told[-1] == "systemctl --user daemon-reload"
    assert remove(manager) == ()


def test_a_unit_of_somebody_else_is_neither_replaced_nor_removed(tmp_path: Path) -> None:
    systemctl = FakeSystemctl()
    manager = systemd(tmp_path, systemctl)
    manager.folder.mkdir()
    theirs = manager.folder / SERVICE
    for text in ("[Service]\nExecStart=/bin/true\n", SERVICES[0].text + "Nice=5\n"):
        theirs.write_text(text)
        with pytest.raises(ServiceTrouble, match="not written by housekey"):
            must_be_installable(manager, SERVICES)
        with pytest.raises(ServiceTrouble, match="not written by housekey"):
            remove(manager)
        assert theirs.read_text() == text
    assert systemctl.told == []


def test_the_two_variants_are_not_installed_beside_each_other(tmp_path: Path) -> None:
    manager = systemd(tmp_path, FakeSystemctl())
    install(manager, TIMERS)
    with pytest.raises(ServiceTrouble, match=f"{RENEW_TIMER} is installed already"):
        must_be_installable(manager, SERVICES)


@pytest.mark.parametrize("word", ["daemon-reload", "enable", "restart"])
def test_what_does_not_start_is_taken_away_again(word: str, tmp_path: Path) -> None:
    manager = systemd(tmp_path, FakeSystemctl(refuses=(word,)))
    with pytest.raises(ServicePutBack, match=r"Job failed.*taken away again") as raised:
        install(manager, SERVICES)
    assert raised.value.exit_code == 4
    assert there(tmp_path) == {}


def test_an_older_one_of_ours_comes_back_when_the_newer_does_not_start(tmp_path: Path) -> None:
    install(systemd(tmp_path, FakeSystemctl()), SERVICES)
    before = there(tmp_path)
    other = units_of(Kind.SERVICE, replace(NEEDS, options=("--no-page",)))
    systemctl = FakeSystemctl(refuses=("restart",))
    with pytest.raises(ServicePutBack):
        install(systemd(tmp_path, systemctl), other)
    assert there(tmp_path) == before
    assert systemctl.told[-3:] == [
        "systemctl --user daemon-reload",
        f"systemctl --user enable {SERVICE}",
        f"systemctl --user restart {SERVICE}",
    ], "nobody would renew any more"


def test_without_a_manager_nothing_is_written(tmp_path: Path) -> None:
    manager = systemd(tmp_path, FakeSystemctl(refuses=("show-environment",)))
    with pytest.raises(ServiceTrouble, match="does not answer: Job failed"):
        must_be_installable(manager, SERVICES)
    assert not manager.folder.exists()


def test_a_unit_that_cannot_be_stopped_stays(tmp_path: Path) -> None:
    install(systemd(tmp_path, FakeSystemctl()), SERVICES)
    before = there(tmp_path)
    with pytest.raises(ServiceTrouble, match="exit code 1: Job failed") as raised:
        remove(systemd(tmp_path, FakeSystemctl(refuses=("disable",))))
    assert raised.value.exit_code == 3
    assert there(tmp_path) == before
