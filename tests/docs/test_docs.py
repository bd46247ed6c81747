"""README and docs say what is: commands, options, links and error texts that exist; our words.

Each check is a function from a text to what is wrong in it, so that every one can be shown a
text in which something is.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from housekey.cli.main import main
from tests.docs.errors_page import errors_page
from tests.docs.lane_page import PAGE as LANE_PAGE
from tests.docs.lane_page import lane_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CHECKOUT = Path(__file__).parents[2]
_PAGES = sorted((*_CHECKOUT.glob("*.md"), *(_CHECKOUT / "docs").rglob("*.md")))
_PICTURES = sorted((_CHECKOUT / "docs" / "pictures").glob("*.svg"))

_FENCED = re.compile(r"^```.*?\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
# housekey where a shell looks for a command: first in the line, after | ; & ( ', after cron's
# five fields, or found by `command -v`.
_CALL = re.compile(
    r"(?:^|[|;&(']\s*|(?:^|\s)\$ |\d  |command -v )housekey(?:\)\")?(?=\s|$)([^#|;&>\n]*)"
)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_ABSOLUTE = re.compile(r"(?<![\w.:/~$%}\"*…-])/([A-Za-z][\w.-]+)")
# Where a path may begin on everybody's machine, and in Home Assistant's containers. A bare
# `/api` or the like is no path of a machine either.
_EVERYWHERE = frozenset(
    "bin config dev etc home homeassistant Library media opt path proc srv ssl usr api".split()  # noqa: SIM905
)
_NOT_OURS = {
    r"intermediate (?:CA|cert\w*)|\bsub-?CA\b|\bsigning CA\b": "issuing CA",
    r"\broot CA\b|\bCA root\b|\btrust anchor": "root",
    r"end[- ]entity|\bserver certificate|\bhost certificate": "leaf, or certificate",
    r"recovery (?:key|phrase|password)|master password": "recovery code",
    r"\benrol\w*|\bprovisioning\b": "onboarding",
    r"(?i)seamless|effortless|blazing|cutting-edge|world-class|military-grade|simply\b": "nothing",
}
# Sections of docs/troubleshooting.md that quote others than housekey.
_QUOTES_OTHERS = ("## In Home Assistant", "## On the devices")


# Whose paths are Home Assistant's, of addresses and not of a machine.
_PATHS_OF_ADDRESSES = frozenset({"lane.md"})
# Sections and pages whose code quotes others than housekey, in their own words.
_QUOTES_IN_CODE = ("errors.md", "platforms.md")


def _name(page: Path) -> str:
    return str(page.relative_to(_CHECKOUT))


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_every_command_line_in_a_page_exists(page: Path) -> None:
    assert list(wrong_calls(page.read_text())) == []


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_every_link_in_a_page_leads_somewhere(page: Path) -> None:
    assert list(dead_links(page.read_text(), page.parent)) == []


@pytest.mark.parametrize("page", [*_PAGES, *_PICTURES], ids=_name)
def test_no_page_or_picture_names_a_path_of_somebodys_machine(page: Path) -> None:
    text = page.read_text()
    if page.name in _PATHS_OF_ADDRESSES:
        text = _SPAN.sub("", text)
    assert list(odd_paths(text)) == []


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_pages_use_the_words_of_this_project(page: Path) -> None:
    text = page.read_text()
    if page.name in _QUOTES_IN_CODE:
        text = _SPAN.sub("", text)
    assert list(other_words(text)) == []


def test_the_page_of_errors_is_what_the_records_say() -> None:
    # .venv/bin/python -m tests.docs.errors_page > docs/errors.md
    assert (_CHECKOUT / "docs" / "errors.md").read_text() == errors_page()


def test_the_tables_of_the_lane_are_what_its_rules_say() -> None:
    # .venv/bin/python -m tests.docs.lane_page
    text = LANE_PAGE.read_text()
    assert lane_page(text) == text
    assert text.count("| `/api/") > 15


def test_every_option_of_secure_is_explained() -> None:
    explained = (_CHECKOUT / "docs" / "secure.md").read_text()
    long = {option for option in _options(dict(_commands())["secure"]) if option[:2] == "--"}
    assert [option for option in long - {"--help"} if f"`{option}" not in explained] == []


def test_the_readme_lists_every_command() -> None:
    readme = (_CHECKOUT / "README.md").read_text()
    commands = [path for path, command in _commands() if not isinstance(command, click.Group)]
    assert [path for path in commands if f"`housekey {path}" not in readme] == []


def test_every_error_that_troubleshooting_quotes_is_one_of_ours() -> None:
    assert list(unknown_errors((_CHECKOUT / "docs" / "troubleshooting.md").read_text())) == []


@pytest.mark.parametrize(
    ("check", "text"),
    [
        pytest.param("calls", "Run `housekey seccure` now.", id="a command that is not there"),
        pytest.param("calls", "`housekey cert forge x.lan`", id="a subcommand that is not there"),
        pytest.param("calls", "`housekey secure --violently`", id="an option that is not there"),
        pytest.param("calls", "Say `--violently` to it.", id="an option alone"),
        pytest.param("calls", "```sh\nhousekey status || housekey renoo\n```", id="second in line"),
        pytest.param(
            "calls", '```sh\nsudo "$(command -v housekey)" undo --port 1\n```', id="under sudo"
        ),
        pytest.param(
            "calls", "```\nExecStart=/bin/sh -c 'housekey walk'\n```", id="inside a systemd unit"
        ),
        pytest.param("calls", "```\n0 9 * * 1  housekey renoo\n```", id="in a crontab"),
        pytest.param("links", "[more](docs/nothing.md)", id="a file that is not there"),
        pytest.param("links", "[more](README.md#no-such-heading)", id="a heading that is not"),
        pytest.param("links", "![picture](docs/pictures/none.png)", id="a picture that is not"),
        pytest.param("paths", "cd /builds/checkout", id="a path of some machine"),
        pytest.param("paths", "in `/tmpfoo/x`", id="a path in code"),
        pytest.param("words", "the intermediate CA signs", id="another word for the issuing CA"),
        pytest.param("words", "a seamless switch", id="a word of marketing"),
        pytest.param("errors", "| `the moon is full` | wait |", id="an error nobody raises"),
    ],
)
def test_the_checks_see_what_is_wrong(check: str, text: str) -> None:
    checks: dict[str, Callable[[str], Iterator[str]]] = {
        "calls": wrong_calls,
        "links": lambda text: dead_links(text, _CHECKOUT),
        "paths": odd_paths,
        "words": other_words,
        "errors": unknown_errors,
    }
    assert list(checks[check](text)) != []


def wrong_calls(text: str) -> Iterator[str]:
    """Yield the command lines and options in code that housekey does not have."""
    known = {option for _, command in _commands() for option in _options(command)}
    blocks = _FENCED.findall(text)
    spans = _SPAN.findall(_FENCED.sub("", text))
    for line in (*spans, *(line for block in blocks for line in block.splitlines())):
        for arguments in _CALL.findall(line):
            yield from _wrong_in(arguments.split())
    for span in spans:
        if span.startswith("--") and (option := re.split(r"[\s=]", span)[0]) not in known:
            yield f"no command has {option}"


def _wrong_in(arguments: list[str]) -> Iterator[str]:
    command: click.Command = main
    path = "housekey"
    for argument in arguments:
        word = argument.strip("'\"`,.:)")
        if word.startswith("-"):
            if word.partition("=")[0] not in _options(command):
                yield f"{path} has no {word}"
        elif isinstance(command, click.Group):
            context = click.Context(command)
            found = command.get_command(context, word)
            if found is None:
                yield f"{path} has no command {word}"
                return
            command, path = found, f"{path} {word}"


def dead_links(text: str, folder: Path) -> Iterator[str]:
    """Yield the links of a page in `folder` that lead to no file, or to no heading of one."""
    for target in _LINK.findall(_FENCED.sub("", text)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        if not (folder / name).exists():
            yield f"no file {target}"
        elif anchor and anchor not in _anchors((folder / name).read_text() if name else text):
            yield f"no heading {target}"


def _anchors(text: str) -> set[str]:
    """Return the headings as GitHub writes them in links."""
    headings = re.findall(r"^#+ +(.+?)\s*$", _FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def odd_paths(text: str) -> Iterator[str]:
    """Yield the absolute paths that begin where not everybody's machine has anything."""
    links = re.sub(r"[a-z]+://[^\s)>\"']+", "", text)
    markup = re.sub(r"<[^>]+>", "", links)  # of a picture only what is read
    for match in _ABSOLUTE.finditer(markup):
        if match[1] not in _EVERYWHERE:
            yield match[0]


def other_words(text: str) -> Iterator[str]:
    """Yield the words for which this project has another one."""
    for pattern, ours in _NOT_OURS.items():
        for match in re.finditer(pattern, text):
            yield f"{match[0]}: say {ours}"


def unknown_errors(text: str) -> Iterator[str]:
    """Yield what a page quotes in the first column of its tables and no code of ours says."""
    for section in re.split(r"^(?=## )", text, flags=re.MULTILINE):
        if section.startswith(_QUOTES_OTHERS):
            continue
        for cell in re.findall(r"^\| (.*?) \|", section, re.MULTILINE):
            for quoted in _SPAN.findall(cell):
                parts = [part.strip() for part in quoted.split("…") if part.strip()]
                if not any(_says(said, parts) for said in _sayings()):
                    yield quoted


def _says(said: str, parts: list[str]) -> bool:
    at = 0
    for part in parts:
        found = said.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True


@cache
def _sayings() -> tuple[str, ...]:
    """Return every text in the source; where a value is filled in stands a NUL."""
    found = []
    for module in sorted((_CHECKOUT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                values = (v.value if isinstance(v, ast.Constant) else "\0" for v in node.values)
                found.append("".join(map(str, values)))
    return tuple(found)


@cache
def _commands() -> tuple[tuple[str, click.Command], ...]:
    """Return every command by the words that call it."""

    def below(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield f"{path}{name}", command
            if isinstance(command, click.Group):
                yield from below(command, f"{path}{name} ")

    return (("", main), *below(main, ""))


def _options(command: click.Command) -> tuple[str, ...]:
    parameters = command.get_params(click.Context(command))
    spelled = (option for each in parameters for option in (*each.opts, *each.secondary_opts))
    return tuple(option for option in spelled if option.startswith("-"))
