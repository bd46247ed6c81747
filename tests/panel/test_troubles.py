"""Every trouble that somebody can meet in Home Assistant has a text, and all that goes in."""

from __future__ import annotations

import ast
import errno
from datetime import UTC, datetime
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING

import pytest

from housekey import errors
from housekey.errors import (
    CaAsksToWait,
    CaRefused,
    CaUnreachable,
    ClockWrong,
    DnsFailed,
    DnsNotShown,
    FileTrouble,
    HouseBroken,
    HouseBusy,
    HouseExpired,
    HouseMissing,
    HouseUnsafe,
    NameRefused,
    NotPermitted,
    NotProven,
    PairRefused,
    ProviderRefused,
    ShareFailed,
    SwapRefused,
    Unreachable,
    YamlRefused,
)
from tests.panel.parts import part, read_json
from tests.without_home_assistant import INTEGRATION

if TYPE_CHECKING:
    from housekey.errors import HousekeyError

TROUBLES = part("troubles")
TEXTS = {
    language: {
        key: text["message"]
        for key, text in read_json(f"translations/{language}.json")["exceptions"].items()
    }
    for language in ("en", "de")
}
FILE = Path("/config/housekey/root.pem")
TOMORROW = datetime(2026, 11, 30, tzinfo=UTC)


def because(trouble: HousekeyError, number: int) -> HousekeyError:
    """With the system's own error behind it."""
    trouble.__cause__ = OSError(number, "of the system")
    return trouble


def file_trouble(number: int) -> HousekeyError:
    return because(FileTrouble(FILE, "so it is", hint="do this"), number)


def share_failed(number: int, port: int | None = 8125) -> HousekeyError:
    return because(ShareFailed("no page", hint="do this", port=port), number)


MET = {
    "name_refused": NameRefused("a_b", reason="so it is", hint="do this"),
    "not_permitted": NotPermitted(("a.com",), permitted=("local",)),
    "disk_full": file_trouble(errno.ENOSPC),
    "disk_read_only": file_trouble(errno.EROFS),
    "no_permission": file_trouble(errno.EACCES),
    "file_trouble": file_trouble(errno.EIO),
    "house_missing": HouseMissing("none", hint="do this"),
    "house_unsafe": HouseUnsafe("open", hint="do this"),
    "house_busy": HouseBusy("busy", hint="do this"),
    "house_expired": HouseExpired("past", hint="do this"),
    "house_broken": HouseBroken("damaged", hint="do this"),
    "clock_wrong": ClockWrong("before", hint="do this"),
    "page_port_taken": share_failed(errno.EADDRINUSE),
    "page_port_forbidden": share_failed(errno.EACCES),
    "yaml_refused": YamlRefused(FILE, "so it is", lines=("ssl_key: x",)),
    "pair_refused": PairRefused("so it is"),
    "swap_refused": SwapRefused("so it is"),
    "ca_unreachable": CaUnreachable("no answer", hint="do this"),
    "ca_refused": CaRefused("so it is", hint="do this", code="malformed", status=400),
    "ca_asks_to_wait": CaAsksToWait("too early", hint="do this", until=TOMORROW),
    "not_proven": NotProven("no record", hint="do this", names=("a.example",), reason="none"),
    "dns_failed": DnsFailed("no answer", hint="do this"),
    "dns_not_shown": DnsNotShown("none", hint="do this", record="_acme-challenge.a", places=()),
    "provider_refused": ProviderRefused("a word is missing", hint="do this"),
    "other": Unreachable("no answer", hint="do this"),
}


def filled(language: str, trouble: HousekeyError) -> str:
    """What somebody reads."""
    told = TROUBLES.told_of(trouble)
    text = TEXTS[language][told.key]
    wanted = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    assert wanted == set(told.values), told
    return str(text.format(**told.values))


@pytest.mark.parametrize("key", MET)
def test_each_kind_is_told_in_its_own_text(key: str) -> None:
    assert TROUBLES.told_of(MET[key]).key == key
    english, german = (filled(language, MET[key]) for language in ("en", "de"))
    assert english != german or key == "other"


def test_what_has_no_text_keeps_both_lines() -> None:
    for trouble in (MET["other"], share_failed(errno.ENOMEM), share_failed(errno.EACCES, None)):
        assert filled("de", trouble) == f"{trouble.message}; {trouble.hint}."


def test_every_class_that_is_named_is_one_of_the_library() -> None:
    assert {type(each) for each in MET.values()} <= {
        each for each in vars(errors).values() if isinstance(each, type)
    }


def test_why_a_trial_ended_is_told_with_home_assistants_own_words() -> None:
    assert TROUBLES.end_of_trial(TROUBLES.NOBODY) == (TROUBLES.Told("nobody_came"), "")
    assert TROUBLES.end_of_trial(f"{TROUBLES.CANNOT_START}: port 443: taken") == (
        TROUBLES.Told("cannot_start"),
        "port 443: taken",
    )
    assert TROUBLES.end_of_trial("the cat sat on it") == (None, "the cat sat on it")


def raised() -> dict[str, set[str]]:
    """What the integration itself refuses, by key: what it fills in."""
    found = {}
    for path in INTEGRATION.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            if node.func.id not in ("NotNow", "Told") or not node.args:
                continue
            if isinstance(key := node.args[0], ast.Constant):
                values = {each.arg for each in node.keywords if each.arg not in (None, "hint")}
                if len(node.args) > 1 and isinstance(written := node.args[1], ast.Dict):
                    values = {str(ast.literal_eval(each)) for each in written.keys if each}
                found[str(key.value)] = {str(each) for each in values}
    return found


def test_what_the_integration_refuses_has_its_text_too() -> None:
    ours = {key: values for key, values in raised().items() if key not in MET}
    assert len(ours) > 8
    for key, values in ours.items():
        for language in TEXTS:
            parsed = Formatter().parse(TEXTS[language][key])
            assert {name for _, name, _, _ in parsed if name is not None} == values, key


def test_no_text_is_there_for_nobody() -> None:
    ends = {"nobody_came", "cannot_start"}
    assert set(TEXTS["en"]) == {*MET, *raised(), *ends, "not_running"}


def test_nothing_is_raised_for_the_frontend_without_a_text() -> None:
    """`error`, `error_of` and their like carry a key; nothing is raised beside them."""
    for path in INTEGRATION.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            if node.func.id.endswith(("HomeAssistantError", "ValidationError", "NotReady")) or (
                node.func.id == "UpdateFailed"
            ):
                given = {each.arg for each in node.keywords}
                assert "translation_key" in given, (path.name, node.lineno)
                assert "translation_domain" in given, (path.name, node.lineno)
