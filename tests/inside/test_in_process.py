"""The integration's tests in Home Assistant's own process, and how much of it they cover.

They run in environments of their own (`tests.homes.install.in_process`), one release after the
other; what is covered is told of both together, since each has code of the other's road.
"""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.homes import install
from tests.needs import require

if TYPE_CHECKING:
    from pathlib import Path

COVERED = 95  # percent of the lines of custom_components/housekey, without the panel's script
# Whole: what the quality scale asks of a config flow (config-flow-test-coverage).
WHOLE = ("config_flow.py", "options_flow.py")
_TESTS = "tests/inprocess"
# 2026.10 takes httpx over when it is imported, and fails when somebody was faster.
_PYTEST = "import sys, homeassistant, pytest; sys.exit(pytest.main())"


@pytest.mark.engine
def test_the_integration_passes_its_tests_in_home_assistants_own_process(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    missing = install.missing("2026.7.4")
    require(missing is None, missing or "")
    said = []
    for version in install.IN_PROCESS:
        done = _run(
            version,
            tmp_path,
            *("-c", _PYTEST, "-q", "--show-capture=no", "--tb=short", "--cov", "--cov-report="),
            f"--cov-config=/checkout/{_TESTS}/coverage.ini",
            f"--basetemp=/config/tests-{version}",
            *("-c", f"/checkout/{_TESTS}/pytest.ini", f"--rootdir=/checkout/{_TESTS}"),
            # The lane's own tests of what is pure go along: they need no running Home Assistant.
            f"--confcutdir=/checkout/{_TESTS}",
            f"/checkout/{_TESTS}",
            *(f"/checkout/tests/lane/{name}.py" for name in ("test_rules", "test_urls")),
            data=f".coverage.{version}",
        )
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
        said.append(f"Home Assistant {version}: {done.stdout.strip().splitlines()[-1]}")
    told = _run("2026.10.4", tmp_path, "-m", "coverage", "combine", "--quiet", "/config")
    assert told.returncode == 0, told.stdout + told.stderr
    told = _run(
        "2026.10.4",
        tmp_path,
        *("-m", "coverage", "report", f"--rcfile=/checkout/{_TESTS}/coverage.ini"),
    )
    assert told.returncode == 0, told.stdout + told.stderr
    found = re.search(r"^TOTAL .* ([\d.]+)%$", told.stdout, re.MULTILINE)
    assert found is not None, told.stdout
    said.append(f"coverage of custom_components/housekey: {found[1]} %")
    with capfd.disabled():
        print("", *said, sep="\n")  # noqa: T201 - what this test is asked for
    assert float(found[1]) > COVERED, told.stdout
    # Who is covered wholly is not in the report.
    assert [line for line in told.stdout.splitlines() if line.split(" ")[0].endswith(WHOLE)] == []


def _run(
    version: str, folder: Path, *args: str, data: str = ".coverage"
) -> subprocess.CompletedProcess[str]:
    """Run that release's Python in the root, with this checkout and `folder` as /config."""
    place = install.in_process(version)
    checkout = install.CHECKOUT
    return subprocess.run(
        place.root.command(
            [f"{place.venv}/bin/python", *args],
            binds={checkout: place.checkout, folder: "/config"},
        ),
        env={
            **place.root.environment(),
            "COVERAGE_FILE": f"/config/{data}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONSAFEPATH": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
