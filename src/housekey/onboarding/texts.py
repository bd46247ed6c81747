"""The words of the page: one TOML file a language in texts/, all with the same keys.

To add a language, translate texts/en.toml under the language's own code and keep keys and
{placeholders}; nothing else has to change. A text may be a list of
paragraphs. In a text, *stars* mark what is written so on the
device, `backticks` what is to be typed, and " > " leads from one menu into the next.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from itertools import count, takewhile
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEFAULT_LANGUAGE = "en"
_MOST = 256  # characters of an Accept-Language header that are looked at

_MENU = re.compile(r"\*([^*]+)\*")
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Texts:
    """All words of one language, by their dotted keys."""

    language: str  # its code, as in the lang attribute
    by_key: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> Markup:
        """Return a text as HTML; `values` fill its placeholders and are escaped."""
        return _marked(self.by_key[key]).format(**values)

    def lines(self, key: str, **values: object) -> tuple[Markup, ...]:
        """Return the paragraphs of a text that is one string, or a list of them, as HTML."""
        if key in self.by_key:
            return (self(key, **values),)
        keys = (f"{key}.{number}" for number in count())
        return tuple(self(each, **values) for each in takewhile(self.by_key.__contains__, keys))

    def has(self, key: str) -> bool:
        """Say whether there is such a text."""
        return key in self.by_key

    def plain(self, key: str, **values: object) -> str:
        """Return a text without marks."""
        return self.by_key[key].replace("*", "").replace("`", "").format(**values)


def languages() -> tuple[str, ...]:
    """Return the codes of all languages, the default first."""
    found = (
        each.name.removesuffix(".toml") for each in files(__package__).joinpath("texts").iterdir()
    )
    return tuple(sorted(found, key=lambda code: (code != DEFAULT_LANGUAGE, code)))


def read(language: str) -> Texts:
    """Read the texts of one of `languages()`."""
    source = files(__package__).joinpath("texts", f"{language}.toml").read_text(encoding="utf-8")
    return Texts(language, dict(_flat(tomllib.loads(source))))


def choose(accept_language: str, asked: str | None, offered: tuple[str, ...]) -> str:
    """Return which of the `offered` languages to speak: the `asked` one, else what is preferred.

    `accept_language` is the header as it came, after RFC 9110 12.5.4; anything may stand in it.
    """
    if asked in offered:
        return str(asked)
    preferred = sorted(_wanted(accept_language[:_MOST]), key=lambda each: -each[1])
    return next((code for code, weight in preferred if code in offered and weight > 0), offered[0])


def _wanted(header: str) -> Iterator[tuple[str, float]]:
    for part in header.split(","):
        tag, _, weight = part.partition(";")
        code = tag.strip().lower().partition("-")[0]
        if match := re.fullmatch(r"\s*q=([01](?:\.[0-9]{0,3})?)\s*", weight or "q=1"):
            yield code, float(match[1])


def _flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, str):
            yield above + key, value
        elif isinstance(value, list):
            yield from ((f"{above}{key}.{number}", each) for number, each in enumerate(value))
        else:
            yield from _flat(value, f"{above}{key}.")


def _marked(text: str) -> Markup:
    """Escape a text and turn its marks into elements; the placeholders stay."""
    html = str(escape(text)).replace(" &gt; ", " › ")
    html = _CODE.sub(r"<code>\1</code>", _MENU.sub(r"<b>\1</b>", html))
    return Markup(html)  # noqa: S704 - escaped above
