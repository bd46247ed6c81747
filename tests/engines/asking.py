"""What the adapters share: the trusted root as every engine is given it, and programs in a batch.

A program in `programs/` gets one case a line, tabs between: id, URL, roots in base64 with commas
between; it prints
one line for each, in their order: id, `yes`, `no` or `unasked`, its own words. It reaches the
case's server through the proxy of `servers.py`, whose port is its only argument.
"""

from __future__ import annotations

import os
import ssl
import subprocess
from base64 import b64encode
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests.engines import der
from tests.engines.forge import ROOT, forge
from tests.engines.model import Answer
from tests.engines.servers import Doors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.engines.model import Case

SECONDS_FOR_A_CASE = 2  # on two busy cores; a case takes a hundredth of it
_MOST_CRASHES = 20
PROGRAMS = Path(__file__).parent / "programs"
BUILT = Path(__file__).parents[2] / ".cache" / "engines"  # what is compiled here


def root_der(case: Case) -> bytes:
    """The root that the client trusts; a stranger's where the case trusts nothing.

    Engines refuse to start without any root, and real ones always have some that do not matter.
    """
    return case.question.root or _stranger()


def root_pem(case: Case) -> str:
    """All the roots that the client trusts, as PEM."""
    return "".join(map(ssl.DER_cert_to_PEM_cert, (root_der(case), *case.also)))


def _roots(case: Case) -> str:
    return ",".join(b64encode(each).decode() for each in (root_der(case), *case.also))


@cache
def _stranger() -> bytes:
    stranger = ROOT.but(subject=der.dn("CN=a root of somebody else"), nth_key=9, serial=0x99)
    return forge(stranger, by=None, at=datetime.now(UTC)).der


def unpresentable(cases: Sequence[Case], doors: Doors) -> dict[str, Answer]:
    """Answers for the cases that the test's own server cannot present."""
    return {
        case.id: Answer(None, doors.refused[case.id]) for case in cases if case.id in doors.refused
    }


def ask_program(command: Sequence[str], cases: Sequence[Case]) -> Mapping[str, Answer]:
    """Run `command PROXY_PORT` for all the cases, once if it does not crash.

    A program answers in order, so the first case without an answer is the one that it died of.
    """
    with Doors(cases) as doors:
        answers = unpresentable(cases, doors)
        left = [case for case in cases if case.id not in answers]
        for _ in range(_MOST_CRASHES):
            if not left:
                break
            errors = _run(command, left, doors, answers)
            left = [case for case in left if case.id not in answers]
            if left:
                answers[left.pop(0).id] = Answer(None, f"the engine crashed: {errors[-300:]}")
    assert not left, f"{command[0]} crashed {_MOST_CRASHES} times"
    return answers


def _run(
    command: Sequence[str], cases: Sequence[Case], doors: Doors, answers: dict[str, Answer]
) -> str:
    """Put down what the program answers, and return what it complains of."""
    done = subprocess.run(
        [*command, doors.proxy.rpartition(":")[2]],
        input="".join(f"{case.id}\t{doors.url(case)}\t{_roots(case)}\n" for case in cases),
        capture_output=True,
        text=True,
        timeout=30 + SECONDS_FOR_A_CASE * len(cases),
        env=quiet_environment(),
        check=False,
    )
    for line in done.stdout.splitlines():
        id_, word, text = line.split("\t", 2)
        answers[id_] = Answer({"yes": True, "no": False}.get(word), text)
    return " ".join(done.stderr.split()) or f"exit code {done.returncode}"


def quiet_environment() -> dict[str, str]:
    """This process's environment without what turns a client elsewhere."""
    meant = ("proxy", "ssl_cert", "curl_ca", "node_", "openssl_conf", "java_tool", "_java_options")
    return {key: value for key, value in os.environ.items() if not key.lower().startswith(meant)
            and not key.lower().endswith("_proxy")}  # fmt: skip


def first_line(*command: str) -> str:
    """The first line that a program prints, on either stream."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return (done.stdout + done.stderr).strip().partition("\n")[0]
