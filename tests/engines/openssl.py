"""curl, as Debian builds it on OpenSSL: real requests, all of them by one process.

curl's own config language puts one request after the other (`next`), each with a root of its own.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

from housekey.platforms.model import Platform
from tests.engines.asking import (
    SECONDS_FOR_A_CASE,
    first_line,
    quiet_environment,
    root_pem,
    unpresentable,
)
from tests.engines.model import Answer
from tests.engines.servers import Doors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.engines.model import Case

# curl's exit codes (its man page, EXIT CODES) that are a verdict on the server: the handshake
# failed, the certificate does not hold, the file with the root cannot be read.
_REFUSED = {35, 60, 77}


class Curl:
    """curl on OpenSSL."""

    platform = Platform.OPENSSL

    def __init__(self) -> None:
        self.version = first_line("curl", "--version")

    @staticmethod
    def missing() -> str | None:
        """Why curl cannot be asked here."""
        if which("curl") is None:
            return "curl is not installed"
        if "OpenSSL" not in first_line("curl", "--version"):
            return "this machine's curl is not built on OpenSSL"
        return None

    def ask(self, cases: Sequence[Case]) -> Mapping[str, Answer]:
        with tempfile.TemporaryDirectory(prefix="housekey-curl-") as folder, Doors(cases) as doors:
            answers = unpresentable(cases, doors)
            asked = [case for case in cases if case.id not in answers]
            sections = [_section(case, doors, Path(folder)) for case in asked]
            done = subprocess.run(
                ["curl", "--disable", "--config", "-"],
                input="next\n".join(sections),
                capture_output=True,
                text=True,
                timeout=30 + SECONDS_FOR_A_CASE * len(cases),
                env=quiet_environment(),
                check=False,
            )
        for line in done.stdout.splitlines():
            id_, code, text = line.split("\t")
            refused = int(code) in _REFUSED
            answers[id_] = Answer(True if code == "0" else False if refused else None, text)
        assert set(answers) == {case.id for case in cases}, done.stderr[-2000:]
        return answers


def _section(case: Case, doors: Doors, folder: Path) -> str:
    """One request, in curl's config language."""
    root = folder / f"{case.id}.pem"
    root.write_text(root_pem(case))
    return "\n".join(
        (
            f'url = "{doors.url(case)}"',
            f'cacert = "{root}"',
            f'proxy = "http://{doors.proxy}"',
            'output = "/dev/null"',
            f'write-out = "{case.id}\\t%{{exitcode}}\\t%{{errormsg}}\\n"',
            "http1.1",
            "no-sessionid",
            "silent",
            "max-time = 15",
            "",
        )
    )
