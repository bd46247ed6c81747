"""Which road? Three questions, for who has chosen none, and sits at a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from pathlib import Path

    from housekey.cli.output import Output

# Who gives one of these knows the road, or only wants to see what would be done.
_SAY_SOMETHING = (
    "add", "remove", "permit", "port", "key_type", "days", "cert_path", "key_path",
    "critical_constraints", "dry_run", "public_names", "private", "csr", "install",
    "country", "state", "locality", "organization", "organizational_unit", "common_name", "email",
    "dns", "dns_credentials", "point", "staging", "acme_directory", "acme_root", "eab_kid",
    "eab_hmac_file", "profile", "account_email", "agree_tos",
)  # fmt: skip
_ROADS: Final = (
    "a private root, for your home alone",
    "a public name",
    "a CA of your own, if you have one",
)
_REQUEST = "home-assistant.csr"


def ask_which_road(options: dict[str, Any], output: Output, *, house: Path) -> None:
    """Ask, recommend, let it be chosen, and put what was chosen into `options`.

    Nobody is asked where there is a house already, with `--yes` or `--json`, or without a
    terminal.
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
    best = 0 if advice.road is None else 1
    output.row("advice", _ROADS[best])
    for reason in advice.reasons:
        output.row("", f"- {reason}")
    if best:
        output.row("command", advice.command)
    chosen = output.choose("Which road do you take?", _ROADS, option="--public", default=best)
    if chosen == 1:
        options |= _public(output, has_one=answers.name)
    elif chosen:
        options["csr"] = click.prompt(
            "  File for the request to your CA", default=_REQUEST, err=True
        )


def _public(output: Output, *, has_one: bool) -> dict[str, Any]:
    """Ask for the name, and for what cannot be seen by it."""
    from housekey.public import duckdns  # noqa: PLC0415 - only on this road

    if not has_one:
        output.row("a name", "sign in at https://www.duckdns.org, type one, and note the token")
    name: str = click.prompt("  Your name, such as myhome.duckdns.org", err=True)
    answers: dict[str, Any] = {"public_names": (name.strip(),)}
    if not duckdns.holds(name.strip()):
        question = "  Who keeps its DNS, such as cloudflare or ddns (docs/public.md lists them)"
        answers["dns"] = click.prompt(question, err=True).strip()
    elif output.yes_or_no("Shall it lead to Home Assistant's address at home from now on?"):
        answers["point"] = "private"
    return answers


def _is_there(house: Path) -> bool:
    return house.is_dir() and any(house.iterdir())
