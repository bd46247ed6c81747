"""The catalogue of rules as a page: docs/platforms.md is exactly this text.

Nothing is written here. `make page` writes it; a test fails when the page is stale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.platforms.clients import CLIENTS
from housekey.platforms.judge import rules
from housekey.platforms.model import Platform, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from housekey.platforms.judge import Listed
    from housekey.platforms.rule import Client, Rule

_TITLES = {
    Platform.APPLE: "Apple",
    Platform.ANDROID: "Android (the Home Assistant app)",
    Platform.CHROME: "Chrome, Edge and Chromium",
    Platform.CHROME_ANDROID: "Chrome on Android",
    Platform.FIREFOX: "Firefox",
    Platform.WINDOWS: "Windows",
    Platform.JAVA: "Java",
    Platform.OPENSSL: "OpenSSL (curl)",
    Platform.PYTHON: "Python 3.13 and later",
    Platform.NODE: "Node",
    Platform.GO: "Go",
    Platform.GNUTLS: "GnuTLS",
    Platform.RUSTLS: "rustls",
    Platform.MBEDTLS: "Mbed TLS (ESP32)",
}
_SEVERITIES = {
    Severity.ERROR: "rejects",
    Severity.WARNING: "warns",
    Severity.INFO: "tells",
}

_INTRODUCTION = """\
# What each platform accepts

What `housekey check` knows: for a root that somebody added to a device themselves, when each
platform takes a certificate and when it does not. For roots that come with a device other rules
hold, and more of them.

This page is made from the rules themselves: `make page` writes it anew.

A platform looks in the order of its table, and shows the error of the first rule that speaks.
*Rejects* means that the connection fails. *Is not sure* means that no source says for certain;
the verdict is then unknown, and not a guess. The last column says where a rule is known from:
the platform's source, or a run of its engine, whose answer is then the truth, whatever a source
says. Platforms that run on Linux are asked by the tests, over hundreds of chains that stand on
both sides of the rules' lines (`make engines`).
"""


def page() -> str:
    """Everything, as Markdown that ends with one newline."""
    listed = {each.rule.id: each for each in rules()}
    parts = [_INTRODUCTION, _contents()]
    parts.extend("\n".join(_section(client, listed)) for client in CLIENTS.values())
    return "\n".join(parts)


def _contents() -> str:
    lines = ["| platform | `--platform` | rules | known from |", "| -- | -- | -- | -- |"]
    lines.extend(
        f"| [{_TITLES[platform]}](#{_slug(_TITLES[platform])}) | {platform} | {len(client.rules)} |"
        f" {_cell(client.known_from)} |"
        for platform, client in CLIENTS.items()
    )
    return "\n".join(lines) + "\n"


def _section(client: Client, listed: dict[str, Listed]) -> Iterator[str]:
    platform = client.platform
    yield f"## {_TITLES[platform]}"
    yield ""
    where = "" if platform.runs_here else " Nothing of it runs in the tests."
    yield f"Known from {client.known_from}.{where}"
    yield ""
    yield "| rule | when | of | what | shows | next step | known from |"
    yield "| -- | -- | -- | -- | -- | -- | -- |"
    for rule in client.rules:
        yield _row(rule, dict(listed[rule.id].errors)[platform])
    yield ""


def _row(rule: Rule, error: str) -> str:
    since = f", since {rule.since}" if rule.since else ""
    what = _SEVERITIES[rule.severity] if rule.is_sure else "is not sure"
    shows = f"`{_code(error).replace('{name}', 'NAME')}`" if error else ""
    cells = (
        rule.id,
        _cell(rule.title),
        ", ".join(rule.applies),
        what,
        shows,
        _cell(rule.fix),
        f"{_cell(rule.source)} ({', '.join(rule.evidence)}{since})",
    )
    return f"| {' | '.join(cells)} |"


def _slug(title: str) -> str:
    """The anchor that a heading gets."""
    kept = "".join(each for each in title.lower() if each.isalnum() or each in " -")
    return kept.replace(" ", "-")


def _code(text: str) -> str:
    """As it can stand in a table's cell between backticks."""
    return " ".join(text.split()).replace("|", "\\|")


def _cell(text: str) -> str:
    """As it can stand in a table's cell."""
    for character, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "&#124;")):
        text = text.replace(character, written)
    return " ".join(text.split()).replace("*", "\\*")
