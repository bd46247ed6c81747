"""The units that are written: what they hold, that systemd reads them, and whose they are."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from datetime import time
from pathlib import Path

import pytest

from housekey.renewal.delivery import QuietHours
from housekey.renewal.units import Kind, Needs, Unit, is_ours, units_of
from tests.needs import require

NEEDS = Needs(
    command=("/usr/bin/python3", "-P", "-m", "housekey"),
    options=("--house", "/var/lib/housekey"),
    writes=(Path("/var/lib/housekey"), Path("/srv/home assistant")),
    reads=(Path("/usr"),),
    quiet=QuietHours(time(2), time(5)),
    page=True,
    user="housekey",
    of_root=False,
    over_others=False,
    system=True,
)
KINDS = list(Kind)


def settings(unit: Unit) -> dict[str, list[str]]:
    """The settings of a unit, by their names."""
    found: dict[str, list[str]] = {}
    for line in unit.text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def service(needs: Needs, kind: Kind = Kind.SERVICE) -> dict[str, list[str]]:
    return settings(units_of(kind, needs)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_house_and_home_assistants_folder_can_be_written(kind: Kind) -> None:
    told = service(NEEDS, kind)
    assert told["ProtectSystem"] == ["strict"]
    assert told["ReadWritePaths"] == ['/var/lib/housekey "-/srv/home assistant"']
    assert told["ProtectHome"] == ["yes"]
    assert told["PrivateTmp"] == ["yes"]
    assert told["CapabilityBoundingSet"] == [""]
    assert told["UMask"] == ["0077"]


def test_a_house_in_a_home_can_be_read_and_no_other_thing_there_written() -> None:
    told = service(replace(NEEDS, writes=(Path("/home/me/house"),)))
    assert told["ProtectHome"] == ["read-only"]
    assert told["ReadWritePaths"] == ["/home/me/house"]


def test_root_keeps_of_its_power_only_what_the_folders_and_the_page_take() -> None:
    root = replace(NEEDS, of_root=True, user=None)
    assert service(root)["CapabilityBoundingSet"] == ["CAP_SETGID CAP_SETUID"]
    assert service(root, Kind.TIMER)["CapabilityBoundingSet"] == [""]
    alone = service(replace(root, page=False))
    assert alone["CapabilityBoundingSet"] == [""]
    others = service(replace(root, page=False, over_others=True))
    assert others["CapabilityBoundingSet"] == ["CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER"]
    assert "User" not in others


def test_a_unit_of_a_user_has_nothing_that_needs_a_name_space() -> None:
    told = service(replace(NEEDS, system=False, user=None))
    assert not told.keys() & {"ProtectSystem", "PrivateTmp", "ProtectHome", "User"}
    assert told["NoNewPrivileges"] == ["yes"]
    assert told["WantedBy"] == ["default.target"]


def test_the_timer_is_within_the_quiet_hours_by_chance_and_catches_up() -> None:
    told = settings(units_of(Kind.TIMER, NEEDS)[1])
    assert told["OnCalendar"] == ["*-*-* 02:00:00"]
    assert told["RandomizedDelaySec"] == ["135min"]
    assert told["Persistent"] == ["true"]
    late = replace(NEEDS, quiet=QuietHours(time(23), time(1)))
    assert settings(units_of(Kind.TIMER, late)[1])["RandomizedDelaySec"] == ["90min"]


def test_what_a_shell_or_systemd_would_read_otherwise_is_written_so_that_it_stays() -> None:
    odd = replace(NEEDS, options=("--house", '/srv/a "b" $HOME 100% \\n'))
    (line,) = service(odd)["ExecStart"]
    assert line.endswith('"/srv/a \\"b\\" $$HOME 100%% \\\\n"')


@pytest.mark.parametrize("kind", KINDS)
def test_a_unit_that_was_changed_is_no_longer_ours(kind: Kind) -> None:
    for unit in units_of(kind, NEEDS):
        assert is_ours(unit.text)
        assert not is_ours(unit.text.replace("housekey:", "housekey!"))
        assert not is_ours(unit.text + "Nice=5\n")
        assert not is_ours("\n".join(unit.text.splitlines()[2:]))
    assert not is_ours("")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("system", [True, False])
def test_systemd_reads_the_units_without_a_complaint(
    kind: Kind, system: bool, tmp_path: Path
) -> None:
    require(shutil.which("systemd-analyze") is not None, "systemd-analyze")
    needs = replace(NEEDS, system=system, user="daemon" if system else None)
    paths = []
    for unit in units_of(kind, needs):
        path = tmp_path / unit.name
        path.write_text(unit.text)
        paths.append(path)
    done = subprocess.run(
        ["systemd-analyze", "verify", *([] if system else ["--user"]), *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    about_ours = [line for line in done.stderr.splitlines() if "housekey" in line]
    assert (done.returncode, about_ours) == (0, []), done


@pytest.mark.parametrize("kind", KINDS)
def test_systemd_scores_what_a_service_is_exposed_to_as_low(
    kind: Kind, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    require(shutil.which("systemd-analyze") is not None, "systemd-analyze")
    unit = units_of(kind, replace(NEEDS, user="daemon"))[0]
    path = tmp_path / unit.name
    path.write_text(unit.text)
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    found = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done
    with capsys.disabled():
        print(f"\n{unit.name}: systemd-analyze security says {found[1]}")  # noqa: T201 - the figure
    assert float(found[1]) <= 2.0
