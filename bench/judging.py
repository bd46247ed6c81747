"""Chains judged per second on all platforms, against pkilint's PKIX lint of the same leaf.

Both sides get the same DER bytes and begin with parsing them: one chain of a house after
the other, every leaf another one, so that nothing remembered counts. pkilint has an
environment of its own in `.cache/bench`; each of its rounds is a process that counts only
what it does after its start.

    python -m bench --only judging
"""

from __future__ import annotations

import base64
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

from bench.issuing import NAMES, issuer
from bench.processes import output_of, say
from bench.rows import Figures, NotMeasured, Row, Unit, ratio_at_least
from demo.release import (
    InstallError,
    network_environment,
    plain_environment,
    run_here,
    uv_program,
)
from housekey.pki.encoding import to_der
from housekey.pki.issuing import issue_leaf
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.names import parse_name
from housekey.platforms.judge import judge
from housekey.platforms.model import Platform, Question

if TYPE_CHECKING:
    from collections.abc import Sequence

PKILINT = "0.13.3"
ROUNDS = 11
LEAVES = 40  # of one round

_LINT = """
import base64, sys, time
from pkilint import loader
from pkilint.pkix import certificate, extension, name

validator = certificate.create_pkix_certificate_validator_container(
    certificate.create_decoding_validators(
        name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS
    ),
    [
        certificate.create_issuer_validator_container([]),
        certificate.create_validity_validator_container(),
        certificate.create_subject_validator_container([]),
        certificate.create_extensions_validator_container([]),
        certificate.create_spki_validator_container([]),
    ],
)
leaves = [base64.b64decode(line) for line in open(sys.argv[1])]
read = loader.RFC5280CertificateDocumentLoader()
validator.validate(read.load_der_document(leaves[0], "warm").root)
start = time.perf_counter()
for leaf in leaves:
    validator.validate(read.load_der_document(leaf, "leaf").root)
print(len(leaves) / (time.perf_counter() - start))
"""


def rows() -> list[Row]:
    """Return the one row. Raises NotMeasured."""
    python = _pkilint()
    say(f"judging: {ROUNDS} rounds of {LEAVES} chains, and of pkilint's lint of the same leaves")
    questions = _questions()
    _must_be_accepted(questions[0])
    ours: list[float] = []
    theirs: list[float] = []
    with TemporaryDirectory(prefix="housekey-bench-") as folder:
        leaves, program = Path(folder, "leaves"), Path(folder, "lint.py")
        leaves.write_bytes(b"".join(base64.b64encode(each.chain[0]) + b"\n" for each in questions))
        program.write_text(_LINT)
        for _ in range(ROUNDS):
            ours.append(_rate(questions))
            theirs.append(float(output_of([python, program, leaves])))
    figures = Figures(median(ours), median(theirs), Unit.PER_SECOND)
    how = (
        f"from DER, one thread: {len(Platform)} platforms' verdicts on leaf, issuing CA and root,"
        f" against pkilint {PKILINT}'s PKIX lint of the leaf alone;"
        f" median of {ROUNDS} rounds of {LEAVES} by turns"
    )
    return [
        Row("chains judged / leaves linted by pkilint", figures, how, ratio_at_least(figures, 1))
    ]


def _rate(questions: Sequence[Question]) -> float:
    judge(questions[0])
    start = perf_counter()
    for question in questions:
        judge(question)
    return len(questions) / (perf_counter() - start)


def _questions() -> list[Question]:
    """Chains of one house, each with a key and a leaf of its own."""
    signer, root = issuer()
    now = datetime.now(UTC)
    names = [parse_name(name) for name in NAMES]
    first = Question((), to_der(root), names[0], now)
    return [
        replace(
            first,
            chain=(
                to_der(
                    issue_leaf(
                        public_key=PrivateKey.generate(KeyType.ECDSA_P256).public_key,
                        names=names,
                        issuer=signer,
                        now=now,
                    )
                ),
                to_der(signer.certificate),
            ),
        )
        for _ in range(LEAVES)
    ]


def _must_be_accepted(question: Question) -> None:
    """A judge that stopped at the first fault would be quick and worth nothing."""
    refusing = [str(each.platform) for each in judge(question) if each.accepts is not True]
    if refusing:
        raise RuntimeError(f"the bench's own chain is not accepted by {', '.join(refusing)}")


def _pkilint() -> Path:
    """The Python that has pkilint, installed now if it is not. Raises NotMeasured."""
    venv = Path(__file__).parents[1] / ".cache" / "bench" / f"pkilint-{PKILINT}"
    python = venv / "bin" / "python"
    if not (venv / "complete").exists():
        say(f"installing pkilint {PKILINT}")
        uv = str(uv_program())
        env = {**plain_environment(), **network_environment()}
        try:
            run_here([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(venv)], env)
            install = [uv, "pip", "install", "--quiet", "--python", str(python)]
            run_here([*install, f"pkilint=={PKILINT}"], env)
        except InstallError as error:
            last = str(error).splitlines()[-1]
            raise NotMeasured(f"pkilint could not be installed: {last}") from error
        (venv / "complete").touch()
    return python
