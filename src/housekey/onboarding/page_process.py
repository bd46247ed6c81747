"""`python -m housekey.onboarding.page_process`: serves the page, and can do nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.onboarding.answering import authority
from housekey.onboarding.nonce import Issuer
from housekey.onboarding.page_server import PageServer
from housekey.onboarding.process import Part, nonsense, request, run
from housekey.onboarding.render import Page

if TYPE_CHECKING:
    from housekey.onboarding.answering import Report
    from housekey.onboarding.gate import Answering
    from housekey.onboarding.wire import Task

_AGENT = "User-Agent: Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1"


def build(task: Task) -> Part:
    """Return what answers at the page's port."""
    page = Page(task.offer, port=task.port)

    def answering(report: Report) -> Answering:
        issuer = Issuer(task.secret)
        return PageServer(page, task.offer, issuer, report, port=task.port).answer

    host = authority(task.offer.hosts[0], task.port)
    rehearsal = (
        request(host, "/", _AGENT, "Accept-Language: de-AT,en;q=0.5"),
        request(host, "/?kind=android&lang=en", method="HEAD"),
        request(host, "/nonce?kind=ipad&again=1"),
        request(host, "/about.json"),
        *(request(host, path) for path in page.assets),
        *nonsense(host),
    )
    return Part(answering, None, rehearsal)


if __name__ == "__main__":
    run(build)
