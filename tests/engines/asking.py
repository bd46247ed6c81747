"""What the adapters share: the trusted root as every engine is given it, and programs in a batch.

A program gets one JSON object a line, `{"id", "name", "root", "port"}`, and prints one for each,
`{"id", "accepts", "text"}`. It reaches the case's server through the proxy of `servers.py`.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.engines import der
from tests.engines.forge import ROOT, forge
from tests.engines.model import Answer
from tests.engines.servers import Doors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.engines.model import Case

SECONDS_FOR_A_CASE = 2  # on two busy cores; a case takes a hundredth of it
_HERE = Path(__file__).parent
BUILT = _HERE.parents[1] / ".cache" / "engines"  # what is compiled here


def root_pem(case: Case) -> str:
    """The root that the client trusts, as PEM; a stranger's where the case trusts nothing.

    Engines refuse to start without any root, and real ones always have some that do not matter.
    """
    return ssl.DER_cert_to_PEM_cert(case.question.root or _stranger())


@cache
def _stranger() -> bytes:
    stranger = ROOT.but(subject=der.dn("CN=a root of somebody else"), nth_key=9, serial=0x99)
    return forge(stranger, by=None, at=datetime.now(UTC)).der


def port_of(case: Case, doors: Doors) -> int:
    """The port by which the proxy knows the case."""
    port = urlsplit(doors.url(case)).port
    assert port is not None
    return port


def unpresentable(cases: Sequence[Case], doors: Doors) -> dict[str, Answer]:
    """Answers for the cases that the test's own server cannot present."""
    return {
        case.id: Answer(None, doors.refused[case.id]) for case in cases if case.id in doors.refused
    }


def ask_program(command: Sequence[str], cases: Sequence[Case]) -> Mapping[str, Answer]:
    """Run `command PROXY_PORT` once for all the cases. It never outlives its bound in time."""
    with Doors(cases) as doors:
        answers = unpresentable(cases, doors)
        lines = [
            json.dumps(
                {
                    "id": case.id,
                    "name": str(case.question.name),
                    "root": root_pem(case),
                    "port": port_of(case, doors),
                }
            )
            for case in cases
            if case.id not in answers
        ]
        done = subprocess.run(
            [*command, doors.proxy.rpartition(":")[2]],
            input="\n".join(lines),
            capture_output=True,
            text=True,
            timeout=30 + SECONDS_FOR_A_CASE * len(cases),
            env=quiet_environment(),
            check=False,
        )
    for line in done.stdout.splitlines():
        said = json.loads(line)
        answers[said["id"]] = Answer(said["accepts"], said["text"])
    silent = [case.id for case in cases if case.id not in answers]
    assert not silent, f"no answer to {silent[:3]}: {done.stderr[-2000:]}"
    return answers


def quiet_environment() -> dict[str, str]:
    """This process's environment without what turns a client elsewhere."""
    meant = ("proxy", "ssl_cert", "curl_ca", "node_", "openssl_conf", "java_tool", "_java_options")
    return {key: value for key, value in os.environ.items() if not key.lower().startswith(meant)
            and not key.lower().endswith("_proxy")}  # fmt: skip


def first_line(*command: str) -> str:
    """The first line that a program prints, on either stream."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return (done.stdout + done.stderr).strip().partition("\n")[0]
