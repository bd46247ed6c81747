"""`housekey pem show`: what is in a file."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from housekey.cli.output import Output, common_options, now
from housekey.cli.pem.given import Given, passphrase_option, shown
from housekey.house.files import Files
from housekey.pki.description import (
    CertificateFacts,
    Extensions,
    KeyFacts,
    RequestFacts,
    UnreadFacts,
    describe,
)
from housekey.pki.fingerprint import grouped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from housekey.pki.description import Facts


@click.command("show")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@passphrase_option
@common_options
def command(**options: Any) -> None:
    """Show what is in a file: every certificate, request and key, of any kind.

    PEM, DER, PKCS#7 and PKCS#12 are told apart by themselves. The exit code is 1
    when a part of a file could not be read.
    """
    output = Output(as_json=options["as_json"])
    given = Given(output, Files(), options["passphrase_file"])
    documents = []
    unread = False
    for name in options["files"]:
        contents = given.read(name)
        facts = [(part.form, describe(part.item, now=now())) for part in contents.parts]
        output.row("file", shown(name))
        for number, (form, each) in enumerate(facts, 1):
            count = f"{number} of {len(facts)}, " if len(facts) > 1 else ""
            output.row("found", f"{each.kind} ({count}{form})")
            for label, text in _rows(each):
                output.row(label, text)
        unread |= bool(contents.unread)
        parts = [{"form": form, **_document(each)} for form, each in facts]
        documents.append({"file": name, "parts": parts})
    output.document({"files": documents})
    if unread:
        raise click.exceptions.Exit(1)


def _rows(facts: Facts) -> Iterator[tuple[str, str]]:
    match facts:
        case CertificateFacts():
            yield from _certificate(facts)
        case RequestFacts():
            yield "subject", facts.subject or "empty"
            yield from _names(facts.extensions)
            yield "key", facts.key
            good = "by its own key" if facts.signature_valid else "NOT by its own key"
            yield "signed", f"{good}, {facts.signature}"
            yield from _extensions(facts.extensions, asked="asks ")
            if facts.key_sha256:
                yield "key id", facts.key_sha256
        case KeyFacts():
            yield "key", facts.key
            yield "key id", facts.key_sha256
        case UnreadFacts():
            yield "problem", facts.problem
            yield "", facts.hint


def _certificate(facts: CertificateFacts) -> Iterator[tuple[str, str]]:
    yield "subject", facts.subject or "empty"
    yield "issuer", "itself" if facts.self_issued else facts.issuer or "empty"
    yield from _names(facts.extensions)
    yield "from", _time(facts.not_before)
    yield "until", _time(facts.not_after) + _left(facts)
    yield "key", facts.key
    yield "signed", f"with {facts.signature}"
    yield "role", _role(facts)
    yield from _extensions(facts.extensions)
    if facts.version != 3:
        odd = "" if facts.version == 1 else ", which X.509 does not have: no program will take it"
        yield "version", f"{facts.version}{odd}"
    yield "serial", facts.serial
    yield "SHA-256", grouped(facts.sha256)
    yield "SHA-1", grouped(facts.sha1)
    if facts.key_sha256:
        yield "key id", facts.key_sha256


def _names(extensions: Extensions) -> Iterator[tuple[str, str]]:
    if extensions.unreadable is None:
        yield "names", ", ".join(extensions.names) or "none"


def _extensions(extensions: Extensions, *, asked: str = "") -> Iterator[tuple[str, str]]:
    if extensions.unreadable is not None:
        yield "problem", f"the extensions cannot be read: {extensions.unreadable}"
        return
    if asked and extensions.is_ca:
        yield "role", "asks to be a certificate authority"
    for label, values in (
        ("use", (*extensions.key_usage, *extensions.extended_key_usage)),
        ("permitted", extensions.permitted),
        ("excluded", extensions.excluded),
        ("critical", extensions.critical),
        ("others", extensions.others),
    ):
        if values:
            yield label, ", ".join(values)
    if extensions.subject_key_identifier:
        yield "SKI", extensions.subject_key_identifier
    if extensions.authority_key_identifier:
        yield "AKI", extensions.authority_key_identifier


def _role(facts: CertificateFacts) -> str:
    extensions = facts.extensions
    if extensions.unreadable is not None:
        return "cannot be read"
    if not extensions.is_ca:
        said = "" if extensions.is_ca is False else " (it does not say)"
        return f"leaf, no certificate authority{said}"
    length = extensions.path_length
    return f"certificate authority{'' if length is None else f', path length {length}'}"


def _time(moment: datetime | None) -> str:
    return "cannot be read" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _left(facts: CertificateFacts) -> str:
    if facts.days_left is None:
        return ""
    return " (it has ended)" if facts.days_left < 0 else f" ({facts.days_left} days left)"


def _document(facts: Facts) -> dict[str, Any]:
    document = asdict(facts)
    for key, value in document.items():
        if isinstance(value, datetime):
            document[key] = value.isoformat()
    return document
