"""rustls, as uv carries it: real requests, one process for each case, two at a time.

uv is told to run a script from the case's server with a Python that does not exist. It fetches
the script first, so what it complains of says how the handshake ended. Through a proxy uv's
HTTP library hands an IPv6 address to rustls in brackets, which is no name to it; such cases
cannot be asked.
"""

from __future__ import annotations

import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from uv import find_uv_bin

from housekey.platforms.model import Platform
from tests.engines.asking import first_line, quiet_environment, root_pem, unpresentable
from tests.engines.model import Answer
from tests.engines.servers import Doors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.engines.model import Case

_SECONDS = 60
_AT_ONCE = 2
_FETCHED = "No interpreter found at path"
_NOT_FETCHED = "error sending request for url"


class Rustls:
    """uv on rustls and webpki."""

    platform = Platform.RUSTLS

    def __init__(self) -> None:
        self.version = first_line(find_uv_bin(), "--version")

    @staticmethod
    def missing() -> str | None:
        """Nothing: uv is one of the tests' own packages."""
        return None

    def ask(self, cases: Sequence[Case]) -> Mapping[str, Answer]:
        with tempfile.TemporaryDirectory(prefix="housekey-uv-") as folder, Doors(cases) as doors:
            answers = unpresentable(cases, doors)
            left = [case for case in cases if case.id not in answers]
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                asked = pool.map(lambda case: _ask(case, doors, Path(folder)), left)
                answers |= dict(zip((case.id for case in left), asked, strict=True))
        return answers


def _ask(case: Case, doors: Doors, folder: Path) -> Answer:
    if ":" in str(case.question.name):
        return Answer(None, "uv cannot go to an IPv6 address through a proxy")
    root = folder / f"{case.id}.pem"
    root.write_text(root_pem(case))
    nowhere = folder / "no-such-python"
    environment = {
        key: value for key, value in quiet_environment().items() if not key.startswith("UV_")
    }
    done = subprocess.run(
        [find_uv_bin(), "run", "--no-project", "--no-config", "--python", nowhere, doors.url(case)],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        env=environment
        | {
            "SSL_CERT_FILE": str(root),
            "HTTPS_PROXY": f"http://{doors.proxy}",
            "UV_HTTP_RETRIES": "0",
            "UV_CACHE_DIR": str(folder / "cache"),
            "NO_COLOR": "1",
        },
        check=False,
    )
    words = " ".join(done.stderr.split())
    if _FETCHED in words:
        return Answer(True, "")
    return Answer(False if _NOT_FETCHED in words else None, words.rpartition("cause: ")[2])
