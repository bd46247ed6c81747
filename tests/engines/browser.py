"""What Chromium and Firefox have in common as engines: doors to the cases, batches, answers."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, Self

from tests.browsers.nss import NotImported
from tests.browsers.process import DidNotStart
from tests.engines.batches import batches
from tests.engines.model import Answer
from tests.engines.servers import Doors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tests.engines.model import Case

_AN_HOUR = timedelta(hours=1)
_TRIES = 2  # of one case, when the browser goes away or silent


class Browser(Protocol):
    """What both browsers of `tests/browsers` can do."""

    def navigate(self, url: str) -> str:
        """Go there; return "" or the name of what went wrong."""
        ...

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...


class Start(Protocol):
    """Starts a browser that trusts `roots` and asks `proxy` for everything."""

    def __call__(self, *, roots: Sequence[bytes], proxy: str) -> Browser: ...


class IsVerdict(Protocol):
    """Tells an error that is about the certificate from one that is not.

    `hung_up` is whether the browser came to the case's server and left during the handshake.
    """

    def __call__(self, error: str, *, hung_up: bool) -> bool: ...


def ask(
    cases: Sequence[Case],
    *,
    start: Start,
    is_verdict: IsVerdict,
    divide: Callable[[Iterable[Case]], Iterable[Sequence[Case]]] = batches,
) -> dict[str, Answer]:
    """Ask a browser about each case; it has nothing but the roots of the batch to trust."""
    # A browser has the machine's clock.
    now = datetime.now(UTC)
    answers = {
        case.id: Answer(None, "the browser's clock cannot be set")
        for case in cases
        if abs(now - case.question.at) > _AN_HOUR
    }
    with Doors(case for case in cases if case.id not in answers) as doors:
        answers |= {id_: Answer(None, why) for id_, why in doors.refused.items()}
        for batch in divide(case for case in cases if case.id not in answers):
            answers |= _ask_batch(batch, doors, start=start, is_verdict=is_verdict)
    return answers


def _ask_batch(
    batch: Sequence[Case], doors: Doors, *, start: Start, is_verdict: IsVerdict
) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}
    failures: Counter[str] = Counter()
    while left := [case for case in batch if case.id not in answers]:
        roots = dict.fromkeys(case.question.root for case in left if case.question.root)
        roots |= dict.fromkeys(root for case in left for root in case.also)
        case = left[0]  # to blame when the browser does not even start
        try:
            with start(roots=list(roots), proxy=doors.proxy) as browser:
                for case in left:
                    answers[case.id] = _answer(browser, case, doors, is_verdict)
        except NotImported as refusal:
            for each in left:
                if each.question.root == refusal.root:
                    answers[each.id] = Answer(None, f"certutil refuses the root: {refusal}")
        except (DidNotStart, TimeoutError, ConnectionError) as error:
            failures[case.id] += 1
            if failures[case.id] == _TRIES:
                answers[case.id] = Answer(None, f"the browser failed: {error!r}")
    return answers


def _answer(browser: Browser, case: Case, doors: Doors, is_verdict: IsVerdict) -> Answer:
    error = browser.navigate(doors.url(case))
    if error:
        hung_up = case.id in doors.broken_off
        return Answer(False if is_verdict(error, hung_up=hung_up) else None, error)
    page = browser.evaluate("document.body.textContent")
    if page != case.id:
        return Answer(None, f"another page came: {page!r}")
    return Answer(True, "")
