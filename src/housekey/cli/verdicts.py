"""A check as it is told: lines for a terminal of 80 columns, and the one JSON document."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import click
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from housekey.check.fold import fold
from housekey.cli.output import folded, styled
from housekey.errors import PemUnreadable
from housekey.homeassistant import examine
from housekey.live import remarks
from housekey.pki.encoding import readable
from housekey.pki.names import names_of
from housekey.pki.span import span
from housekey.platforms.judge import rules
from housekey.platforms.model import Platform, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from housekey.check.fold import Line
    from housekey.check.run import Checked
    from housekey.cli.output import Output
    from housekey.pki.names import Name
    from housekey.platforms.model import Finding

_COLOURS = {
    "accepted": "green",
    "rejected": "red",
    "unknown": "yellow",
    "error": "red",
    "warning": "yellow",
    "mended": "green",
}
_STATES = {True: "accepted", False: "rejected", None: "unknown"}
_LABEL = 12  # where texts begin: two blanks, a label of up to nine letters, a blank
_PLATFORM = max(len(each) for each in Platform) + 2
_WIDEST = 100
_FEW = 3  # names, or rules, that are listed rather than counted
_FROM_SOURCE = "*"


def tell(checked: Checked, target: str, output: Output, *, verbose: bool) -> None:
    """Print what a check came to; `verbose` shows what is only good to know as well."""
    if output.as_json:
        return
    for label, text in _head(checked, target):
        _row(label, text)
    least = Severity.INFO if verbose else Severity.WARNING
    shown = [each for each in checked.findings if verbose or each.severity is not Severity.INFO]
    for finding in shown:
        click.echo()
        _row(finding.severity.value, finding.message)
        _reasons(finding.fix, ((finding.rule, finding.source),))
    folded = fold(checked.verdicts, least=least)
    for number, told in enumerate(folded.everywhere):
        click.echo()
        if number == 0 and len(folded.everywhere) > 1:
            _row("", "every platform:")
        _row(told.severity.value, told.message + _for(told.names, told.message))
        _reasons(told.fix, told.known_by)
    before = True  # whether a blank line is due
    for group in folded.groups:
        if group.told or before:
            click.echo()
        for line in group.lines:
            _line(line)
        if group.others:
            _text(_LABEL, _LABEL, f"{_listed(group.others)}: accepted")
        for told in group.told:
            message = f"{told.message}{_for(told.names, told.message)}"
            _text(_LABEL, _LABEL, message, mark=told.severity)
            _reasons(told.fix, told.known_by)
        before = bool(group.told)
    if any(not verdict.platform.runs_here for verdict in checked.verdicts):
        click.echo()
        _row(
            _FROM_SOURCE,
            "known from its maker's source, and not from a run: no engine of it runs on Linux",
        )


def tell_rules(platforms: Sequence[Platform], output: Output) -> None:
    """Print the catalogue: every rule of `platforms`, and what is looked at beside them."""
    listed = [each for each in rules() if set(each.platforms) & set(platforms)]
    others = {**remarks.RULES, **examine.RULES}
    if not output.as_json:
        for each in listed:
            _rule(each.rule.id, each.rule.title, each.platforms, each.rule.source)
        for rule, (title, source) in others.items():
            _rule(rule, title, (), source)
    output.document(
        {
            "rules": [
                {
                    "id": each.rule.id,
                    "title": each.rule.title,
                    "severity": each.rule.severity.value,
                    "platforms": [platform.value for platform in each.platforms],
                    "errors": {platform.value: error for platform, error in each.errors},
                    "applies": [tier.value for tier in each.rule.applies],
                    "evidence": [evidence.value for evidence in each.rule.evidence],
                    "since": each.rule.since,
                    "fix": each.rule.fix,
                    "source": each.rule.source,
                }
                for each in listed
            ]
            + [
                {"id": rule, "title": title, "platforms": [], "source": source}
                for rule, (title, source) in others.items()
            ]
        }
    )


def document(checked: Checked, target: str) -> dict[str, Any]:
    """Return the JSON document of a check."""
    found: dict[str, Any] = {
        "target": target,
        "at": checked.at.isoformat(),
        "names": [str(name) for name in checked.names],
        "chain": [_facts(der) for der in checked.chain],
        "root": None
        if checked.root is None
        else {**_facts(checked.root.der), "whose": checked.root.whose},
        "accepted": checked.accepted,
        "verdicts": [
            {
                "platform": verdict.platform.value,
                "name": str(verdict.name),
                "accepts": verdict.accepts,
                "error": verdict.error,
                "from_source": not verdict.platform.runs_here,
                "findings": [_finding(each) for each in verdict.findings],
            }
            for verdict in checked.verdicts
        ],
        "findings": [_finding(each) for each in checked.findings],
    }
    if (seen := checked.survey) is not None:
        found["server"] = {
            "host": str(seen.host),
            "port": seen.port,
            "addresses": [str(address) for address in seen.addresses],
            "tls": {remarks.version_name(version): accepted for version, accepted in seen.versions},
            "presented": [
                {
                    "address": str(sight.address),
                    "name": None if sight.name is None else str(sight.name),
                    "met": sight.greeting.met.value,
                    "reason": sight.greeting.reason,
                    "protocol": sight.greeting.protocol,
                    "chain": [sha256(der).hexdigest() for der in sight.greeting.chain],
                }
                for sight in seen.sights
            ],
        }
    if (home := checked.home) is not None and home.certificate and home.key:
        found["home_assistant"] = {
            "config_dir": str(home.folder),
            "version": home.version,
            "configured_by": home.by,
            "on_trial": home.on_trial,
            "certificate": home.certificate.text,
            "key": home.key.text,
            "certificate_path": _path(home.certificate.here),
            "key_path": _path(home.key.here),
            "answers": checked.survey is not None,
            "mended": list(checked.mended),
        }
    return found


# What is told


def _head(checked: Checked, target: str) -> Iterator[tuple[str, str]]:
    """Yield what was looked at, and under which assumptions."""
    if (home := checked.home) is not None and home.certificate is not None:
        yield "found", f"Home Assistant {home.version} in {home.folder}"
        yield (
            "set up",
            f"{home.certificate.text} ({home.by}{', on trial' if home.on_trial else ''})",
        )
    if (seen := checked.survey) is not None:
        host = f"[{seen.host}]" if ":" in str(seen.host) else str(seen.host)
        addresses = [str(each) for each in seen.addresses if str(each) != str(seen.host)]
        spoken = [remarks.version_name(each)[4:] for each, accepted in seen.versions if accepted]
        unknown = [
            remarks.version_name(each) for each, accepted in seen.versions if accepted is None
        ]
        yield "server", f"{host}:{seen.port}" + (f" ({', '.join(addresses)})" if addresses else "")
        yield (
            "TLS",
            ", ".join(spoken)
            + (f" ({' and '.join(unknown)} cannot be asked from here)" if unknown else ""),
        )
    elif home is None:
        yield "file", target
    leaf = readable(checked.chain[0])
    if leaf is not None:
        end = leaf.not_valid_after_utc
        left = end - checked.at
        yield "leaf", f"{_who(leaf.subject)}, until {end:%Y-%m-%d} ({_left(left)})"
    above = [parsed for each in checked.chain[1:] if (parsed := readable(each)) is not None]
    if above:
        yield "sent with", ", ".join(_who(each.subject) for each in above)
    if checked.root is None:
        yield "root", "none is known that could have signed this; --root FILE names it"
    else:
        root = readable(checked.root.der)
        who = "one that cannot be read" if root is None else _who(root.subject)
        yield "root", f"{who}, {checked.root.whose}"
    names = [str(each) for each in checked.names]
    yield "asked for", ", ".join(names)
    for line in checked.mended:
        yield "mended", line


def _line(line: Line) -> None:
    state = _STATES[line.accepts]
    mark = "" if line.platform.runs_here else f" {_FROM_SOURCE}"
    platform = f"{line.platform.value}{mark}"
    text = f"{line.error}{_for(line.names, line.error)}".strip()
    head = f"  {styled(f'{state:<9}', fg=_COLOURS[state], bold=True)} {platform:<{_PLATFORM}} "
    click.echo((head + folded(text, _LABEL + _PLATFORM + 1, widest=_WIDEST)).rstrip())


def _reasons(fix: str, known_by: Sequence[tuple[str, str]]) -> None:
    """Print the fix, and which rules say so by which sources."""
    if fix:
        _text(_LABEL, _LABEL + 8, f"fix     {fix}")
    told = [f"{rule}: {source}" if source else rule for rule, source in known_by[:_FEW]]
    if len(known_by) > _FEW:
        told = [", ".join(rule for rule, _ in known_by), "housekey check --rules tells each one's"]
    _text(_LABEL, _LABEL + 8, f"source  {'; '.join(told)}", dim=True)


def _rule(rule: str, title: str, platforms: Iterable[Platform], source: str) -> None:
    asked = ", ".join(each.value for each in platforms)
    click.echo(f"  {styled(rule, bold=True)}")
    _text(_LABEL, _LABEL, title)
    if asked:
        _text(_LABEL, _LABEL + 8, f"on      {asked}")
    _text(_LABEL, _LABEL + 8, f"source  {source}", dim=True)


def _row(label: str, text: str) -> None:
    shown = styled(f"{label:<9}", fg=_COLOURS.get(label), bold=True)
    click.echo(f"  {shown} {folded(text, _LABEL, widest=_WIDEST)}")


def _text(
    at: int, under: int, text: str, *, mark: Severity | None = None, dim: bool = False
) -> None:
    """Print a text that begins at a column and goes on under another."""
    body = folded(text, under, first=at, widest=_WIDEST)
    if mark is Severity.WARNING:
        body = (
            f"{styled('warning:', fg='yellow')} {folded(text, under, first=at + 9, widest=_WIDEST)}"
        )
    click.echo(" " * at + (styled(body, dim=True) if dim else body))


def _for(names: Sequence[Name], said: str) -> str:
    """Say which names a thing is about; nothing for all, and for one that is in its words."""
    if not names or (len(names) == 1 and str(names[0]) in said):
        return ""
    return f" ({_listed(names)})"


def _listed(names: Sequence[Name]) -> str:
    listed = ", ".join(str(name) for name in names[:_FEW])
    return f"{listed} and {len(names) - _FEW} more" if len(names) > _FEW else listed


def _left(left: timedelta) -> str:
    return "it has ended" if left < timedelta() else f"{span(left)} left"


def _who(name: x509.Name) -> str:
    common = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(common[0].value) if common else name.rfc4514_string() or "without a subject"


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _finding(finding: Finding) -> dict[str, str]:
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "message": finding.message,
        "fix": finding.fix,
        "source": finding.source,
    }


def _facts(der: bytes) -> dict[str, Any]:
    """Return a certificate as JSON; of one that cannot be read only its fingerprint is known."""
    facts: dict[str, Any] = {
        "subject": None,
        "issuer": None,
        "sha256": sha256(der).hexdigest(),
        "not_before": None,
        "not_after": None,
        "names": [],
        "key": None,
    }
    certificate = readable(der)
    if certificate is None:
        return facts
    with contextlib.suppress(ValueError):
        facts["subject"] = certificate.subject.rfc4514_string()
        facts["issuer"] = certificate.issuer.rfc4514_string()
        facts["not_before"] = certificate.not_valid_before_utc.isoformat()
        facts["not_after"] = certificate.not_valid_after_utc.isoformat()
    with contextlib.suppress(PemUnreadable):
        facts["names"] = [str(name) for name in names_of(certificate)]
    facts["key"] = _key(certificate)
    return facts


def _key(certificate: x509.Certificate) -> str | None:
    """Return the kind of a certificate's key; None for one of a kind that nobody knows."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ECDSA {_CURVES.get(key.curve.name, key.curve.name)}"
    return type(key).__name__.removesuffix("PublicKey").lstrip("_")


_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
