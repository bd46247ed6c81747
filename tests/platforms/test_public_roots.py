"""What platforms demand of a public CA, and not of a root of one's own: shorter lives."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from housekey.platforms.judge import judge
from housekey.platforms.model import Platform, Severity
from tests.platforms.making import a_chain

LIMITED = {
    Platform.APPLE: "APL-03",
    Platform.CHROME: "CHR-06.public",
    Platform.CHROME_ANDROID: "CHR-06.public",
}


def rejecting(begin: datetime, days: float, *, known: bool) -> dict[Platform, str]:
    """The platforms that reject a leaf of so many days for its life, and by which rule."""
    end = begin + timedelta(days=days)
    old = {"begin": begin - timedelta(days=900), "end": end + timedelta(days=900)}
    chain = a_chain(root=old, issuing=old, leaf={"begin": begin, "end": end})
    asked = chain.asked("ha.lan", at=begin + timedelta(days=1))
    verdicts = judge(replace(asked, known_root=known))
    return {
        verdict.platform: finding.rule
        for verdict in verdicts
        for finding in verdict.findings
        if finding.severity is Severity.ERROR
    }


@pytest.mark.parametrize(
    ("begin", "most", "apple"),
    [
        (datetime(2020, 9, 1, tzinfo=UTC), 398, 398),
        (datetime(2026, 3, 14, tzinfo=UTC), 398, 398),
        (datetime(2026, 3, 15, tzinfo=UTC), 200, 398),
        (datetime(2027, 3, 15, tzinfo=UTC), 100, 398),
        (datetime(2029, 3, 15, tzinfo=UTC), 47, 398),
    ],
)
def test_under_a_root_that_devices_come_with_a_leaf_may_not_live_longer(
    begin: datetime, most: int, apple: int
) -> None:
    """HasTooLongValidity (CHR-06), set_ssl_validity_periods (APL-03), the BRs 6.3.2 (BR-02)."""
    assert rejecting(begin, most, known=True) == {}
    longer = rejecting(begin, most + 1, known=True)
    expected = (
        LIMITED
        if most == apple
        else {
            platform: rule for platform, rule in LIMITED.items() if platform is not Platform.APPLE
        }
    )
    assert longer == expected
    assert rejecting(begin, apple + 1, known=True) == LIMITED


def test_under_a_root_of_ones_own_it_may() -> None:
    begin = datetime(2029, 3, 15, tzinfo=UTC)
    assert rejecting(begin, 800, known=False) == {}
    # Apple's limit for a user's root is no limit for a public one, which has a shorter one.
    assert rejecting(begin, 830, known=False) == {Platform.APPLE: "APL-01"}
