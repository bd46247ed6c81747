"""The words: the same in every language, and chosen as browsers ask for them."""

from __future__ import annotations

import re
import string

import pytest

from housekey.onboarding import guides, texts
from housekey.onboarding.visitor import Browser, Kind, Visitor

LANGUAGES = texts.languages()
OTHERS = [code for code in LANGUAGES if code != texts.DEFAULT_LANGUAGE]
ENGLISH = texts.read(texts.DEFAULT_LANGUAGE).by_key


def placeholders(text: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}


def test_english_comes_first_and_german_is_there() -> None:
    assert LANGUAGES[0] == "en"
    assert "de" in LANGUAGES


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_has_exactly_the_keys_of_english(language: str) -> None:
    assert set(texts.read(language).by_key) == set(ENGLISH)


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_fills_in_what_english_fills_in(language: str) -> None:
    translated = texts.read(language).by_key
    differing = {
        key for key in ENGLISH if placeholders(translated[key]) != placeholders(ENGLISH[key])
    }
    assert differing == set()


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_typed_is_the_same_in_every_language(language: str) -> None:
    translated = texts.read(language).by_key
    for key, text in ENGLISH.items():
        assert re.findall(r"`[^`]+`", translated[key]) == re.findall(r"`[^`]+`", text), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_mark_is_closed_and_no_text_is_empty(language: str) -> None:
    for key, text in texts.read(language).by_key.items():
        assert text.strip() == text != "", key
        assert text.count("*") % 2 == 0, key
        assert text.count("`") % 2 == 0, key
        assert "—" not in text, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_step_of_every_way_has_its_words(language: str) -> None:
    words = texts.read(language)
    used = set()
    for visitor in (Visitor(kind, browser) for kind in Kind for browser in Browser):
        for shown in Kind:
            for way in guides.ways(shown, visitor):
                used |= {f"ways.{way.name}.title", f"ways.{way.name}.missing"}
                for step in way.steps:
                    paragraphs = words.lines(
                        f"steps.{step.name}.text", root="R", address="A", host="H", port=1
                    )
                    assert paragraphs, step
                    assert (step.fingerprint_after or 1) <= len(paragraphs), step
                    used |= {f"steps.{step.name}.title"}
                    used |= {f"steps.{step.name}.button"} if step.download else set()
    assert used <= set(words.by_key)
    # And none is left over from a way that is gone.
    ways_and_titles = re.compile(r"ways\..*|steps\.[^.]+\.(title|button)")
    assert {key for key in words.by_key if ways_and_titles.fullmatch(key)} == used


def test_a_value_cannot_bring_markup() -> None:
    words = texts.Texts("en", {"a": "*{name}* > `{name}` <b>"})
    assert words("a", name="<i>{x}*`") == (
        "<b>&lt;i&gt;{x}*`</b> › <code>&lt;i&gt;{x}*`</code> &lt;b&gt;"
    )


@pytest.mark.parametrize(
    ("header", "asked", "language"),
    [
        ("de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7", None, "de"),
        ("en-GB,en;q=0.9,de;q=0.8", None, "en"),
        ("fr;q=1, de;q=0.2", None, "de"),
        ("fr, nl", None, "en"),
        ("de;q=0", None, "en"),
        ("DE-at", None, "de"),
        ("", None, "en"),
        ("*", None, "en"),
        ("en", "de", "de"),
        ("de", "tlh", "de"),
        ("de;q=nan, en;q=0.1", None, "en"),
        ("de;q=9", None, "en"),
        ("q=;;;,,\x00de", None, "en"),
        ("x" * 100_000 + ",de", None, "en"),
        ("de", "../../etc/passwd", "de"),
    ],
)
def test_the_language_is_the_one_that_is_preferred(
    header: str, asked: str | None, language: str
) -> None:
    assert texts.choose(header, asked, ("en", "de")) == language
