"""Which road? Every answer has its recommendation, and only a person at a terminal is asked."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from housekey.homeassistant.roads import QUESTIONS, Answers, recommended
from housekey.house.road import Kind
from tests.command import COMMAND, environment
from tests.own.authorities import by_openssl
from tests.terminal import Terminal

if TYPE_CHECKING:
    from tests.own.place import Place


@pytest.mark.parametrize("answers", [Answers(*each) for each in product([True, False], repeat=3)])
def test_every_answer_leads_to_a_road_that_fits_it(answers: Answers) -> None:
    advice = recommended(answers)

    if not answers.every_device:
        assert advice.road is Kind.PUBLIC  # a private root needs a visit to each device
    if not answers.name and answers.every_device:
        assert advice.road is None  # nothing has to be got first
    if answers.name and answers.speakers:
        assert advice.road is Kind.PUBLIC  # speakers trust nothing else
    said = " ".join(advice.reasons)
    assert ("peakers" in said) is answers.speakers
    assert ("duckdns" in advice.command) is (advice.road is Kind.PUBLIC and not answers.name)
    assert advice.command.startswith("housekey secure")
    assert ("--public" in advice.command) is (advice.road is Kind.PUBLIC)


def test_the_page_has_the_very_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "roads.md").read_text()
    rows = re.findall(r"^\| (yes|no) \| (yes|no) \| (yes|no) \| (.+?) \|", page, re.MULTILINE)

    told = {Answers(*(each == "yes" for each in row[:3])): row[3] for row in rows}

    every = [Answers(*each) for each in product([True, False], repeat=3)]
    roads = {None: "private root", Kind.PUBLIC: "public name"}
    assert told == {each: roads[recommended(each).road] for each in every}
    assert len({recommended(each).reasons for each in every}) == len(every)


def asked(place: Place, *more: str) -> Terminal:
    told = ["--config", str(place.home.folder), "--token-file", str(place.folder / "token")]
    command = [*COMMAND, "secure", *told, "--house", str(place.house), "--wait", "20", *more]
    return Terminal(command, env=environment(TERM="dumb", COLUMNS="100"))


def answer(terminal: Terminal, *answers: str) -> None:
    for question, each in zip(QUESTIONS, answers, strict=True):
        terminal.expect(f"{question} [y/n]: ")
        terminal.type(each)


def test_who_is_led_to_the_private_root_goes_on_with_it(place: Place) -> None:
    with asked(place) as terminal:
        answer(terminal, "n", "y", "n")
        terminal.expect("advice    a private root, for your home alone")
        terminal.expect("Which road do you take? [1]: ")
        terminal.type("")
        terminal.expect("written it down? [y/N]: ")
        terminal.type("y")
        assert terminal.wait() == 0, terminal.said
    assert "kept" in terminal.said
    with asked(place) as again:  # it has chosen, and is not asked again
        assert again.wait() == 0, again.said
    assert "roads" not in again.said


def test_who_is_led_to_a_public_name_can_take_the_private_root(place: Place) -> None:
    before = place.files()
    with asked(place) as terminal:
        answer(terminal, "n", "n", "y")
        terminal.expect("command   housekey secure --public NAME.duckdns.org --dns duckdns")
        terminal.expect("Which road do you take? [2]: ")
        terminal.type("1")
        terminal.expect("written it down? [y/N]: ")
        terminal.type("n")
        assert terminal.wait() == 1, terminal.said
    assert place.files() == before
    assert not place.house.exists()


def test_who_has_a_ca_goes_from_the_questions_to_its_https(place: Place, tmp_path: Path) -> None:
    """The request is written where it was said; what the CA made of it is installed."""
    with asked(place) as terminal:
        answer(terminal, "n", "y", "n")
        terminal.expect("3  a CA of your own, if you have one")
        terminal.expect("Which road do you take? [1]: ")
        terminal.type("3")
        terminal.expect("File for the request to your CA [home-assistant.csr]: ")
        terminal.type(str(place.csr))
        terminal.expect("written it down? [y/N]: ")
        terminal.type("y")
        assert terminal.wait() == 0, terminal.said
    assert "next      let your CA sign it as a TLS server, with all names; then" in terminal.said

    signed = by_openssl(tmp_path / "ca", place.csr)
    answers = (signed.leaf, *signed.between, signed.root)
    with asked(place, "--install", *map(str, answers)) as terminal:
        assert terminal.wait() == 0, terminal.said
    assert "kept" in terminal.said
    assert "every device has to trust the root of your CA" in terminal.said
    assert "roads" not in terminal.said


@pytest.mark.parametrize("more", [("--private",), ("--dry-run",), ("--yes",)])
def test_nobody_is_asked_who_has_said_something(place: Place, more: tuple[str, ...]) -> None:
    with asked(place, *more) as terminal:
        if more == ("--private",):
            terminal.expect("written it down? [y/N]: ")
            terminal.type("n")
        terminal.wait()
    assert "roads" not in terminal.said
    assert QUESTIONS[0] not in terminal.said
