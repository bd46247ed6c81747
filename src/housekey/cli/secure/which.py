"""Which road? Three questions, for who has chosen none, and sits at a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from housekey.cli.output import Output

# Who gives one of these knows the road, or only wants to see what would be done.
_SAY_SOMETHING = (
    "add", "remove", "permit", "port", "key_type", "days", "cert_path", "key_path",
    "critical_constraints", "dry_run", "public_names", "private", "csr", "install",
    "country", "state", "locality", "organization", "organizational_unit", "common_name", "email",
)  # fmt: skip


def ask_which_road(options: Mapping[str, Any], output: Output, *, house: Path) -> None:
    """Ask, recommend, and go on with the private root; or tell the command of the other road.

    Nobody is asked where there is a house already, with `--yes` or `--json`, or without a
    terminal. Ends the command, with exit code 1, where the other road is meant.
    """
    if output.yes or output.as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    if any(options[each] for each in _SAY_SOMETHING) or _is_there(house):
        return
    from housekey.homeassistant.roads import (  # noqa: PLC0415 - after --help
        QUESTIONS,
        Answers,
        recommended,
    )

    output.row("roads", "more than one road leads to https; three questions tell which is yours")
    answers = Answers(*(output.yes_or_no(each) for each in QUESTIONS))
    advice = recommended(answers)
    which = "a private root, for your home alone" if advice.road is None else "a public name"
    output.row("advice", which)
    for reason in advice.reasons:
        output.row("", f"- {reason}")
    if advice.road is None:
        return
    output.row("next", advice.command)
    output.row("", "docs/public.md has the steps")
    if not output.confirm("Take the private root all the same?"):
        raise click.exceptions.Exit(1)


def _is_there(house: Path) -> bool:
    return house.is_dir() and any(house.iterdir())
