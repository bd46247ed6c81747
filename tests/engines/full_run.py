"""Every case and many random ones, to every engine: `make engines`, some minutes.

Not collected by `make test`, which asks a sample (test_engines_agree.py).
"""

from __future__ import annotations

import pytest

from tests.engines import corpus
from tests.engines.compare import compare
from tests.engines.every import LIBRARIES
from tests.engines.known import KNOWN
from tests.needs import require

RANDOM_CASES = 400


@pytest.mark.engine
@pytest.mark.parametrize("platform", LIBRARIES)
def test_an_engine_says_what_housekey_says_of_every_case(platform: str) -> None:
    known = LIBRARIES[platform]
    missing = known.missing()
    require(missing is None, missing or "")
    cases = corpus.cases() + corpus.random_cases(RANDOM_CASES, seed=1)
    found = compare(known.start(), cases)
    print(f"\n{found}")  # noqa: T201 - the size and the disagreements are what the test is about
    assert found.asked > len(cases) * 0.9
    assert not found.unexplained, f"{len(found.unexplained)} unexplained disagreements"
    excused = {id_ for engine, id_ in KNOWN if engine == platform}
    assert excused <= {each.case.id for each in found.disagreements}, "known, and agrees by now"
