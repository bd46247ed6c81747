"""The packed integration in real Home Assistants."""

from __future__ import annotations

import pytest

from tests.conftest import NewHome
from tests.inside.integration import FLOW, complaints, entry_of, give, loaded


@pytest.mark.parametrize("release", ["home_2026_7", "home_2026_11"])
def test_it_is_set_up_and_says_nothing_in_the_log(
    release: str, request: pytest.FixtureRequest
) -> None:
    new: NewHome = request.getfixturevalue(release)
    home = new(start=False)
    give(home)
    home.start()
    api = home.api()
    step = api.post(FLOW, {"handler": "housekey"})
    assert step["step_id"] == "user"
    done = api.post(f"{FLOW}/{step['flow_id']}")
    assert done["type"] == "create_entry"
    assert loaded(api), entry_of(api)
    assert complaints(home) == []
