"""What the panel gets to see of a snapshot."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.panel.parts import part

_AT = datetime(2026, 11, 29, 9, 30, tzinfo=UTC)


def snapshot(**changes: Any) -> Any:
    """A house that was just created; Home Assistant is on http."""
    model = part("model")
    facts: dict[str, Any] = {
        "at": _AT,
        "root_name": "Home root",
        "root_sha256": "ab" * 32,
        "root_ends": _AT + timedelta(days=3650),
        "issuing_ends": _AT + timedelta(days=3650),
        "leaf_ends": None,
        "leaf_renews": None,
        "names": (),
        "devices": (),
        "stage": model.Stage.PLAIN,
        "reason": "",
        "delivery": model.Delivery.NONE,
        "onboarding_urls": (),
        "home_assistant_url": None,
        "https_port": None,
    }
    return model.Snapshot(**(facts | changes))


def overview(**changes: Any) -> dict[str, Any]:
    """The message of it, through JSON and back as it goes to the browser."""
    code = changes.pop("code", None)
    message: dict[str, Any] = json.loads(
        json.dumps(part("overview").overview(snapshot(**changes), code))
    )
    return message


def test_a_house_without_a_leaf_has_a_root_and_an_issuing_ca_to_show() -> None:
    ends = {each["kind"]: each["ends"] for each in overview()["certificates"]}
    assert ends == {
        "leaf": None,
        "issuing": "2036-11-26T09:30:00+00:00",
        "root": "2036-11-26T09:30:00+00:00",
    }


def test_the_newest_device_comes_first() -> None:
    device = part("model").Device
    shown = overview(
        devices=(
            device("iphone", "safari", _AT - timedelta(days=9)),
            device("windows", "edge", _AT),
            device("linux", "firefox", _AT - timedelta(days=1)),
        )
    )
    assert [each["kind"] for each in shown["devices"]] == ["windows", "linux", "iphone"]


def test_a_page_that_is_served_has_a_code_to_scan() -> None:
    shown = overview(onboarding_urls=("http://192.168.1.20:8125/",), code=(29, "M4 4h7v1h-7z"))
    assert shown["onboarding"] == {
        "urls": ["http://192.168.1.20:8125/"],
        "code": {"side": 29, "path": "M4 4h7v1h-7z"},
    }


def test_a_problem_carries_what_its_text_has_to_fill_in() -> None:
    model = part("model")
    problem = model.Problem(model.ProblemKind.PORT_TAKEN, (("port", "8125"),))
    assert overview(problems=(problem,))["problems"] == [
        {"kind": "port_taken", "data": {"port": "8125"}, "fixable": False}
    ]


def test_nothing_of_a_snapshot_is_shown_that_does_not_stand_here() -> None:
    # Who adds a fact to the snapshot decides here, too, whether it may leave Home Assistant.
    assert sorted(overview()) == [
        "at", "certificates", "delivery", "devices", "home_assistant_url", "https_port",
        "names",
        "onboarding", "problems", "reason", "road", "root", "running", "stage",
    ]  # fmt: skip
