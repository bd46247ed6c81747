"""`python -m housekey.onboarding.proof_process`: proves trust, with the key of its leaf alone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from housekey.onboarding.answering import authority
from housekey.onboarding.nonce import Acceptor, Facts, Issuer
from housekey.onboarding.process import Part, nonsense, request, run
from housekey.onboarding.proof_server import ProofServer, proof_context
from housekey.onboarding.render import Page
from housekey.onboarding.visitor import Browser, Kind, Visitor

if TYPE_CHECKING:
    from housekey.onboarding.answering import Report
    from housekey.onboarding.gate import Answering
    from housekey.onboarding.wire import Task


def build(task: Task) -> Part:
    """Return what answers at the proof's port."""
    if task.key_pem is None:
        raise ValueError("the proof needs a key")
    page = Page(task.offer, port=task.port)

    def answering(report: Report) -> Answering:
        acceptor = Acceptor(task.secret)
        return ProofServer(page, task.offer, acceptor, report, page_port=task.port).answer

    host = authority(task.offer.hosts[0], task.offer.proof_port)
    origin = f"Origin: http://{authority(task.offer.hosts[0], task.port)}"
    facts = Facts(1, Visitor(Kind.OTHER, Browser.OTHER))
    nonce = Issuer(task.secret).issue(facts, now=time.monotonic())
    rehearsal = (
        request(host, f"/proof?nonce={nonce}", origin),
        request(host, f"/proof?nonce={nonce}", origin),
        request(host, "/trusted", "Accept-Language: de"),
        request(host, "/trusted?lang=en", method="HEAD"),
        request(host, "/style.css"),
        *nonsense(host),
    )
    return Part(answering, proof_context(task.chain_pem, task.key_pem), rehearsal)


if __name__ == "__main__":
    run(build)
