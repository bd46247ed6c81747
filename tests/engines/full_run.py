"""Every case and many random ones, to every engine: `make engines`, some minutes.

Not collected by `make test`, which asks a sample (test_engines_agree.py).
"""

from __future__ import annotations

import random

import pytest

from tests.engines import corpus
from tests.engines.chromium import ChromiumEngine
from tests.engines.compare import compare
from tests.engines.every import ENGINES
from tests.engines.firefox import FirefoxEngine
from tests.engines.known import KNOWN
from tests.needs import require

RANDOM_CASES = 400
ALONE = 30


@pytest.mark.engine
@pytest.mark.parametrize("platform", ENGINES)
def test_an_engine_says_what_housekey_says_of_every_case(platform: str) -> None:
    known = ENGINES[platform]
    missing = known.missing()
    require(missing is None, missing or "")
    cases = corpus.cases() + corpus.random_cases(RANDOM_CASES, seed=1)
    found = compare(known.start(), cases)
    print(f"\n{found}")  # noqa: T201 - the size and the disagreements are what the test is about
    assert found.asked > len(cases) * 0.9
    assert not found.unexplained, f"{len(found.unexplained)} unexplained disagreements"
    excused = {id_ for engine, id_ in KNOWN if engine == platform}
    assert excused <= {each.case.id for each in found.disagreements}, "known, and agrees by now"


@pytest.mark.engine
@pytest.mark.parametrize("browser", [ChromiumEngine, FirefoxEngine])
def test_a_browser_says_the_same_of_a_case_alone_and_among_others(
    browser: type[ChromiumEngine | FirefoxEngine],
) -> None:
    """Alone, it starts anew with a database that has nothing but the case's root (batches.py)."""
    missing = browser.missing()
    require(missing is None, missing or "")
    cases = corpus.cases()
    among_others = browser().ask(cases)
    alone = random.Random(3).sample(cases, ALONE)
    print(f"\n{browser().version}: {len(alone)} of {len(cases)} chains asked alone, too")  # noqa: T201
    assert {case.id: among_others[case.id] for case in alone} == {
        case.id: browser().ask([case])[case.id] for case in alone
    }
