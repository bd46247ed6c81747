"""The repairs: one for each kind of problem, made and cleared as the snapshots say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from homeassistant.core import callback
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN, ISSUE_HTTPS_STAYS, ISSUE_UNATTENDED
from .model import ProblemKind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from homeassistant.core import HomeAssistant

    from .coordinator import HousekeyCoordinator
    from .model import Problem

SEVERITIES = {
    ProblemKind.EXPIRING: ir.IssueSeverity.ERROR,
    ProblemKind.NOT_COVERED: ir.IssueSeverity.WARNING,
    ProblemKind.STALE_YAML: ir.IssueSeverity.WARNING,
    ProblemKind.KEY_OPEN: ir.IssueSeverity.ERROR,
    ProblemKind.FILES_MISSING: ir.IssueSeverity.ERROR,
    ProblemKind.NOT_PROMOTED: ir.IssueSeverity.WARNING,
    ProblemKind.PORT_TAKEN: ir.IssueSeverity.WARNING,
    ProblemKind.HOUSE_BROKEN: ir.IssueSeverity.ERROR,
}


# Told under a key of their own where no flow can mend them.
_BY_HAND = (ProblemKind.FILES_MISSING, ProblemKind.EXPIRING)


@dataclass(frozen=True, slots=True)
class Issue:
    """One repair, as the registry takes it."""

    issue_id: str
    translation_key: str
    placeholders: dict[str, str]
    fixable: bool
    severity: ir.IssueSeverity


def issues_of(problems: Iterable[Problem]) -> dict[str, Issue]:
    """Return the repairs for `problems`, by their id. Pure.

    Of several problems of a kind, the first that a flow can mend counts, or else the first. A
    repair is either mended by a flow or told with its way out, never both (hassfest,
    `translations.py`): what is not ours to mend is told under a key of its own.
    """
    found: dict[str, Issue] = {}
    for problem in sorted(problems, key=lambda each: not each.fixable):
        kind = problem.kind
        by_hand = kind in _BY_HAND and not problem.fixable
        found.setdefault(
            kind.value,
            Issue(
                issue_id=kind.value,
                translation_key=f"{kind.value}_by_hand" if by_hand else kind.value,
                placeholders=dict(problem.data),
                fixable=problem.fixable,
                severity=SEVERITIES[kind],
            ),
        )
    return found


@callback
def async_follow(hass: HomeAssistant, coordinator: HousekeyCoordinator) -> Callable[[], None]:
    """Show the problems of every snapshot as repairs; call what is returned at unload.

    They stay while the entry is unloaded, or else a reload would forget which of them the user
    has chosen to ignore; `async_clear` takes them away.
    """

    @callback
    def changed() -> None:
        if coordinator.last_update_success:
            unknown = () if coordinator.in_full else (ProblemKind.STALE_YAML,)
            async_show(hass, coordinator.data.problems, unknown=unknown)

    changed()
    return coordinator.async_add_listener(changed)


@callback
def async_show(
    hass: HomeAssistant, problems: Iterable[Problem], *, unknown: Collection[ProblemKind] = ()
) -> None:
    """Make the repairs of these problems, and take all others away, but for those `unknown`."""
    wanted = issues_of(problems)
    for kind in ProblemKind:
        issue = wanted.get(kind.value)
        if issue is None and kind in unknown:
            continue
        if issue is None:
            ir.async_delete_issue(hass, DOMAIN, kind.value)
            continue
        ir.async_create_issue(
            hass,
            DOMAIN,
            issue.issue_id,
            is_fixable=issue.fixable,
            severity=issue.severity,
            translation_key=issue.translation_key,
            translation_placeholders=issue.placeholders,
        )


@callback
def async_clear(hass: HomeAssistant) -> None:
    """Take all repairs away: the entry is removed or disabled."""
    async_show(hass, ())


@callback
def async_offer_way_back(hass: HomeAssistant, ends: str) -> None:
    """Ask whether HTTPS shall go, too, now that nobody renews it; its certificate `ends` then.

    Only until the next restart: after it Home Assistant no longer loads an integration without an
    entry, and would confirm the repair without doing anything. What is left then is a second one,
    which no flow mends, and which says how to get either.
    """
    ir.async_create_issue(
        hass,
        DOMAIN,
        ISSUE_HTTPS_STAYS,
        is_fixable=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key=ISSUE_HTTPS_STAYS,
    )
    ir.async_create_issue(
        hass,
        DOMAIN,
        ISSUE_UNATTENDED,
        is_fixable=False,
        is_persistent=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key=ISSUE_UNATTENDED,
        translation_placeholders={"ends": ends},
    )


@callback
def async_withdraw_way_back(hass: HomeAssistant) -> None:
    """There is an entry again, which renews, or no HTTPS any more."""
    ir.async_delete_issue(hass, DOMAIN, ISSUE_HTTPS_STAYS)
    ir.async_delete_issue(hass, DOMAIN, ISSUE_UNATTENDED)
