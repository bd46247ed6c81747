"""`housekey pem match`: do these belong together?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from housekey.cli.output import Output, common_options, now
from housekey.cli.pem.given import Given, passphrase_option, shown
from housekey.errors import UsageError
from housekey.house.files import Files
from housekey.pki.description import CertificateFacts, RequestFacts, UnreadFacts, describe

if TYPE_CHECKING:
    from housekey.pki.contents import Contents


@dataclass(frozen=True, slots=True)
class Member:
    file: str
    kind: str
    subject: str | None
    key: str
    key_sha256: str | None

    def __str__(self) -> str:
        subject = f" of {self.subject}" if self.subject else ""
        return f"{shown(self.file)}: {self.kind}{subject}"


@click.command("match")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@passphrase_option
@common_options
def command(**options: Any) -> None:
    """Tell whether key, certificate and request belong together.

    They do when one and the same key is in all of them. Of a chain of certificates
    the first counts. The exit code is 1 when they do not belong together.
    """
    output = Output(as_json=options["as_json"])
    given = Given(output, Files(), options["passphrase_file"])
    members = [each for name in options["files"] for each in _members(name, given.whole(name))]
    if len(members) < 2:
        raise UsageError(
            "there is only one thing to compare", hint="name a second file, such as the key's"
        )
    # A key of a kind that cannot be read belongs to nothing.
    groups: dict[str | int, list[Member]] = {}
    for number, member in enumerate(members):
        groups.setdefault(member.key_sha256 or number, []).append(member)
    together = len(groups) == 1
    for group in groups.values():
        output.row("one key" if len(group) > 1 else "alone", f"{group[0].key}")
        for member in group:
            output.row("", str(member))
    output.row("answer", "they belong together" if together else "they do not belong together")
    output.document(
        {
            "match": together,
            "groups": [[asdict(member) for member in group] for group in groups.values()],
        }
    )
    if not together:
        raise click.exceptions.Exit(1)


def _members(name: str, contents: Contents) -> list[Member]:
    """What of a file counts: all but the certificates behind the first one."""
    found = []
    chain = False
    for part in contents.parts:
        facts = describe(part.item, now=now())
        is_certificate = isinstance(facts, CertificateFacts)
        if isinstance(facts, UnreadFacts) or (is_certificate and chain):
            continue
        chain |= is_certificate
        subject = facts.subject if isinstance(facts, CertificateFacts | RequestFacts) else None
        found.append(Member(name, facts.kind, subject, facts.key, facts.key_sha256))
    return found
