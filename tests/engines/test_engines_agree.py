"""housekey's verdict is the engine's verdict: a sample of the corpus; `make engines` asks all.

    root ─ issuing CA ─ leaf, and every way in which that can be wrong

The sample is the same every time and has every rule id in it.
"""

from __future__ import annotations

import pytest

from tests.engines import corpus
from tests.engines.compare import compare
from tests.engines.every import LIBRARIES
from tests.needs import require

RANDOM_CASES = 40


@pytest.mark.engine
@pytest.mark.parametrize("platform", LIBRARIES)
def test_an_engine_says_what_housekey_says_of_a_sample(platform: str) -> None:
    known = LIBRARIES[platform]
    missing = known.missing()
    require(missing is None, missing or "")
    cases = corpus.sample(corpus.cases(), most_for_a_rule=1) + corpus.random_cases(RANDOM_CASES)
    found = compare(known.start(), cases)
    print(found)  # noqa: T201 - the size and the disagreements are what the test is about
    assert found.asked > len(cases) / 2
    assert not found.unexplained, str(found)
