"""The service under its unit's own hardening, as far as it can be had without systemd."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from housekey.house.files import Files
from housekey.house.house import House
from housekey.pki.names import parse_name
from tests.cli.test_run import Running, with_one
from tests.cli.under_unit import NUMBERS, calls_of, settings_of
from tests.needs import require

if TYPE_CHECKING:
    from tests.cli.conftest import Person

__all__ = ["with_one"]
UNDER = Path(__file__).with_name("under_unit.py")


@pytest.fixture
def unit(with_one: Person, tmp_path: Path) -> Path:
    """The unit that would be installed for this house."""
    require(sys.platform == "linux" and platform.machine() == "x86_64", "Linux on x86_64")
    require(shutil.which("systemd-analyze") is not None, "systemd-analyze")
    require(NUMBERS.exists(), f"the numbers of system calls ({NUMBERS})")
    done = with_one.run("run", "--install", "--dry-run", "--json")
    assert done.code == 0, done
    ((path, text),) = done.json["files"].items()
    assert path.endswith("/housekey.service")
    written = tmp_path / "housekey.service"
    written.write_text(text)
    return written


def add_ended(person: Person, name: str) -> None:
    """Add a certificate that has ended: something to renew."""
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=95)
    with House.open(person.house, files=Files(), clock=lambda: at) as house:
        leaf = house.issue(name, [parse_name(name)], days=90)
    assert leaf.certificate.not_valid_after_utc < datetime.now(UTC)


def hardened(running: Running, unit: Path) -> Running:
    running._command = [sys.executable, str(UNDER), str(unit), "--", *running._command]
    return running


def test_the_page_locks_itself_in_and_renewal_works_under_the_units_own_filter(
    with_one: Person,
    unit: Path,
) -> None:
    # The very same service without it, beside which nothing may be missing.
    with Running(with_one) as free:
        free.wait_for("page ")
        free.wait_for("renewed")
        assert free.end() == 0
    held = re.search(r"confined: ([^)]*)", free.log)
    assert held
    add_ended(with_one, "tv.lan")
    with hardened(Running(with_one), unit) as running:
        running.wait_for("page ")
        running.wait_for("renewed")
        with urllib.request.urlopen(f"http://127.0.0.1:{running.port}/housekey.pem") as answer:
            assert answer.read() == (with_one.house / "root.pem").read_bytes()
        assert f"confined: {held[1]})" in running.log
        assert running.end() == 0
    assert "failed" not in running.log
    assert "landlock" in held[1] or "seccomp" in held[1]


def test_the_filter_is_on_and_refuses_what_it_should(unit: Path) -> None:
    allowed = calls_of(" ".join(settings_of(unit.read_text())["SystemCallFilter"]).split())
    assert "landlock_restrict_self" in allowed
    assert not {"mount", "ptrace", "bpf", "kexec_load", "init_module"} & allowed
    # An address family that is not listed, and memory that could be written and executed.
    tries = (
        "import mmap, socket\n"
        "for attempt in (lambda: socket.socket(socket.AF_PACKET),\n"
        "                lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)):\n"
        "    try:\n        attempt()\n"
        "    except OSError as error:\n        print(error.errno)\n"
    )
    done = subprocess.run(
        [sys.executable, str(UNDER), str(unit), "--", sys.executable, "-c", tries],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout.split()) == (0, ["97", "13"]), done


def test_nothing_is_written_but_where_the_unit_says_so(
    with_one: Person, unit: Path, tmp_path: Path
) -> None:
    """And with what stands in no home and in no /tmp, those are not even seen."""
    require(os.geteuid() == 0, "root, to have mounts of one's own")
    text = unit.read_text()
    told = settings_of(text)
    assert told["ProtectSystem"] == ["strict"]
    text = text.replace(f"ProtectHome={told['ProtectHome'][0]}", "ProtectHome=yes")
    text = text.replace(f"PrivateTmp={told['PrivateTmp'][0]}", "PrivateTmp=yes")
    hides = tmp_path / "hides.service"
    hides.write_text(text)
    tries = (
        f"touch {with_one.house}/try && rm {with_one.house}/try && echo house;"
        f" touch /usr/try || echo usr; touch {with_one.folder}/try || echo beside"
    )
    for file, words in ((unit, ["house", "usr", "beside"]), (hides, ["usr", "beside"])):
        done = subprocess.run(
            [sys.executable, str(UNDER), str(file), "--", "/bin/sh", "-c", tries],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.stdout.split() == words, done
    look = "ls -A /root /home /tmp 2>/dev/null | grep -v :; true"
    done = subprocess.run(
        [sys.executable, str(UNDER), str(hides), "--", "/bin/sh", "-c", look],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout.split()) == (0, []), done
    assert not Path("/usr/try").exists()
