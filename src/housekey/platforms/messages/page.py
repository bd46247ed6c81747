"""The catalogue as a page of the documentation: one section for each matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.platforms.messages.model import filled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from housekey.platforms.messages.model import Matter, Message

_SHOWN = 3  # texts of a message that the page shows

_HEAD = """\
# What an error means

`housekey explain` reads an error, or a whole log, and says what is the matter. This page is all \
that it knows: {messages} messages of {programs} programs, by what they tell of. Paste yours:

```sh
housekey explain NET::ERR_CERT_AUTHORITY_INVALID
housekey explain < home-assistant.log
```

In the texts, `…` stands for anything, and a word in braces for a value that the answer repeats. \
Where a step names ADDRESS, it is the name or number that you typed into the browser or the app. \
What housekey itself says stands in [troubleshooting.md](troubleshooting.md).

*Made from the records in the source; change those, not this page.*
"""


def page(catalogue: Sequence[Message]) -> str:
    """Return docs/errors.md."""
    programs = {each.by for each in catalogue}
    parts = [_HEAD.format(messages=len(catalogue), programs=len(programs))]
    for matter in dict.fromkeys(each.matter for each in catalogue):
        told = (each for each in catalogue if each.matter == matter)
        parts.append("\n".join(_section(matter, told)))
    return "\n".join(parts)


def _section(matter: Matter, messages: Iterable[Message]) -> Iterator[str]:
    messages = tuple(messages)
    yield f"## {filled(matter.means, {}).rstrip('.').replace(';', ',')}"
    yield ""
    yield "Why, the likeliest first:"
    yield ""
    yield from (f"* {filled(cause, {})}" for cause in matter.causes)
    yield ""
    yield "What to do:"
    yield ""
    yield from (f"* {filled(step, {})}" for step in matter.steps)
    own = dict.fromkeys((each.by, step) for each in messages for step in each.steps)
    yield from (f"* {by}: {step.removeprefix(f'{by}: ')}" for by, step in own)
    yield ""
    yield "| who | says | known from |"
    yield "| -- | -- | -- |"
    for each in messages:
        said = ", ".join(map(_code, (*each.alone, *each.texts[:_SHOWN])))
        yield f"| {each.by} | {said} | {'; '.join((each.source, *each.rules))} |"
    yield ""


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return fence + text.replace("|", "\\|") + fence
