"""One check, from the target to the verdicts: look, choose the root and the names, judge.

What looks (files, wire, folder) lies in other rooms; what is chosen here is chosen by values.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from cryptography import x509

from housekey.check.public import is_known, root_elsewhere
from housekey.check.reading import chain_in, root_in
from housekey.check.target import FileTarget, HomeTarget, ServerTarget
from housekey.errors import HouseTrouble, LookFailed, NameRefused, PemUnreadable
from housekey.homeassistant.examine import (
    emergency_finding,
    examine,
    facts_of,
    finding,
    is_emergency,
    mend,
)
from housekey.house.generations import ROOT, Kind, is_by, read_generations
from housekey.house.together import where
from housekey.live.greeting import Met
from housekey.live.remarks import remarks
from housekey.live.survey import survey
from housekey.pki.encoding import readable, to_der
from housekey.pki.names import DnsName, names_of, parse_name
from housekey.platforms.judge import judge
from housekey.platforms.model import Question, Severity, Verdict, worst_first

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from housekey.check.target import Target
    from housekey.homeassistant.configured import Configured
    from housekey.homeassistant.examine import Pair
    from housekey.house.files import Files
    from housekey.live.handshake import Resolver
    from housekey.live.survey import Survey
    from housekey.pki.names import Name
    from housekey.platforms.model import Finding, Platform

    Chain: TypeAlias = tuple[bytes, ...]  # DER, leaf first

# What stands for a wildcard when no name was given: nobody connects to the * itself.
_ANY_HOST = "any"


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for."""

    target: Target
    root: Path | None  # a file
    names: tuple[Name, ...]
    platforms: tuple[Platform, ...]
    at: datetime
    house: Path  # need not exist
    fix: bool = False


@dataclass(frozen=True, slots=True)
class Root:
    """What the devices are taken to trust."""

    der: bytes
    whose: str  # for people: "of the house in …", "the leaf itself"
    known: bool = False  # devices come with it: a public CA's


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check came to."""

    at: datetime
    chain: Chain
    names: tuple[Name, ...]
    root: Root | None
    verdicts: tuple[Verdict, ...]  # name by name, in the platforms' order
    findings: tuple[Finding, ...]  # of the wire and the folder, worst first
    survey: Survey | None = None
    home: Configured | None = None
    pair: Pair | None = None
    mended: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether nothing says no: no platform, and no finding beside the platforms'."""
        rejected = any(verdict.accepts is False for verdict in self.verdicts)
        return not rejected and all(each.severity is not Severity.ERROR for each in self.findings)


async def check(request: Request, *, files: Files, resolver: Resolver) -> Checked:
    """Look at the target and judge what it presents. Changes nothing, unless `fix`.

    Raises a HousekeyError when the target could not be looked at.
    """
    match request.target:
        case FileTarget(path):
            return _judged(request, chain_in(path, files), files=files)
        case ServerTarget():
            return await _server(request, request.target, files, resolver)
        case HomeTarget():
            return await _home(request, request.target, files, resolver)


async def _server(
    request: Request, target: ServerTarget, files: Files, resolver: Resolver
) -> Checked:
    names = request.names or (target.host,)
    seen = await survey(target.host, target.ports, names, resolver=resolver)
    checked = _judged(replace(request, names=names), seen.chain, files=files, seen=seen)
    found = remarks(seen, root=checked.root.der if checked.root else None)
    if any(map(_is_emergency, (each.greeting.chain for each in seen.sights))):
        found = (emergency_finding(), *found)
    return replace(checked, findings=found, survey=seen)


async def _home(request: Request, target: HomeTarget, files: Files, resolver: Resolver) -> Checked:
    from housekey.homeassistant.configured import configured  # noqa: PLC0415 - only of a folder

    home = configured(target.folder, read=files.read)
    if home.certificate is None or home.key is None:
        raise _not_configured(home)
    pair = facts_of(home, home.certificate, home.key, files=files)
    mended: tuple[str, ...] = ()
    if request.fix and (mended := mend(pair, home, files=files)):
        pair = facts_of(home, home.certificate, home.key, files=files)
    own = tuple(map(to_der, pair.certificate.certificates))
    names = request.names or (_default_names(own) if own else ())
    seen, trouble = await _running(home, names, resolver)
    leaf = readable(seen.chain[0]) if seen is not None else None
    found = list(examine(home, pair, leaf, now=request.at))
    if trouble is not None:
        found.append(trouble)
    chain = seen.chain if seen is not None else own
    if not chain:  # then a finding says why
        worst = found[0]
        raise LookFailed(worst.message, hint=worst.fix)
    checked = _judged(replace(request, names=names), chain, files=files, seen=seen)
    if seen is not None and not _is_emergency(seen.chain):
        found += remarks(seen, root=checked.root.der if checked.root else None)
    return replace(
        checked,
        findings=worst_first(found),
        survey=seen,
        home=home,
        pair=pair,
        mended=mended,
    )


def _not_configured(home: Configured) -> LookFailed:
    if home.trouble:
        return LookFailed(
            f"the configuration in {home.folder} cannot be followed: {home.trouble}",
            hint="check the certificate's own file, or the server",
        )
    stale = f"; the http: block in {home.stale[0]} is ignored" if home.stale else ""
    return LookFailed(
        f"the Home Assistant in {home.folder} is configured for plain http:"
        f" there is no certificate to check{stale}",
        hint="housekey secure takes it to https",
    )


async def _running(
    home: Configured, names: tuple[Name, ...], resolver: Resolver
) -> tuple[Survey | None, Finding | None]:
    """Look at the running Home Assistant, where it listens by its own configuration."""
    failed: LookFailed | None = None
    for endpoint in home.endpoints:
        try:
            host = parse_name(endpoint.host)
            return await survey(host, (endpoint.port,), names, resolver=resolver), None
        except NameRefused:
            continue
        except LookFailed as error:
            failed = error if failed is None or error.met not in ("", Met.CLOSED) else failed
    if failed is not None and failed.met not in ("", Met.CLOSED):
        return None, finding(
            "HOME-08",
            Severity.ERROR,
            "https is configured, and the running Home Assistant does not speak it:"
            f" {failed.reason}",
            "restart Home Assistant, and look into home-assistant.log",
        )
    return None, finding(
        "HOME-08",
        Severity.INFO,
        "Home Assistant does not answer, so the files alone were looked at",
        "start it, and check again",
    )


def _judged(request: Request, chain: Chain, *, files: Files, seen: Survey | None = None) -> Checked:
    """Ask every platform for every name; of several chains under one name the worst counts."""
    names = request.names or _default_names(chain)
    root = _root(request, chain, files)
    verdicts: list[Verdict] = []
    for name in names:
        chains = (seen.chains(name) if seen is not None else ()) or (chain,)
        answers = [
            judge(
                Question(
                    each,
                    root.der if root else None,
                    name,
                    request.at,
                    known_root=root is not None and root.known,
                ),
                request.platforms,
            )
            for each in chains
        ]
        verdicts += map(_worst, zip(*answers, strict=True))
    return Checked(
        at=request.at,
        chain=chain,
        names=names,
        root=root,
        verdicts=tuple(verdicts),
        findings=(),
        survey=seen,
    )


def _worst(verdicts: tuple[Verdict, ...]) -> Verdict:
    """A client may meet any of the chains."""
    order = (False, None, True)
    return min(verdicts, key=lambda each: order.index(each.accepts))


def _root(request: Request, chain: Chain, files: Files) -> Root | None:
    """What the devices are taken to trust; None: nothing that leads to this chain is known."""
    if request.root is not None:
        der = root_in(request.root, files)
        return Root(der, f"from {request.root}", known=is_known(der))
    leaf = readable(chain[0])
    if leaf is not None and _is_self_issued(leaf) and not is_emergency(leaf):
        return Root(chain[0], "the leaf itself")
    of_house = _root_of_house(request.house, chain, files)
    if of_house is not None and _is_issued_below(of_house, chain):
        return of_house
    if (elsewhere := root_elsewhere(request.house, chain, files=files)) is not None:
        return Root(*elsewhere)
    if of_house is not None:
        return of_house
    sent = (each for each in chain[1:] if (parsed := readable(each)) and _is_self_issued(parsed))
    last = next(sent, None)
    return None if last is None else Root(last, "as it is sent")


def _is_issued_below(root: Root, chain: Chain) -> bool:
    """Whether one of the chain names the root as its issuer."""
    parsed = readable(root.der)
    sent = (readable(each) for each in chain)
    return parsed is not None and any(each and each.issuer == parsed.subject for each in sent)


def _root_of_house(folder: Path, chain: Chain, files: Files) -> Root | None:
    """Today's root; while two roots overlap, and the chain leads to the old one alone, that."""
    path = where(folder, ROOT)
    if path is None or not path.exists():
        return None
    try:
        overlap = read_generations(folder, files=files).overlap
    except HouseTrouble:
        overlap = None  # what is wrong with the house is not what this is about
    if overlap is not None and overlap.kind is Kind.CROSSED:
        sent = [parsed for each in chain if (parsed := readable(each)) is not None]
        leads_to_old = any(is_by(each, overlap.old_root) for each in sent)
        if leads_to_old and not any(is_by(each, overlap.new_root) for each in sent):
            whose = f"the old one of the house in {folder}, which has a new one beside it"
            return Root(to_der(overlap.old_root), whose)
    return Root(root_in(path, files), f"of the house in {folder}")


def _default_names(chain: Chain) -> tuple[Name, ...]:
    """Every name of the leaf; without any the common name, which is what its maker meant.

    Raises LookFailed when there is neither.
    """
    leaf = readable(chain[0])
    found: tuple[Name, ...] = ()
    if leaf is not None:
        with contextlib.suppress(PemUnreadable):
            found = names_of(leaf)
        if not found:
            texts = leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
            with contextlib.suppress(NameRefused):
                found = tuple(parse_name(str(each.value)) for each in texts)
    if not found:
        raise LookFailed(
            "the certificate holds no name that a client could ask for",
            hint="say with --name what clients connect to",
        )
    return tuple(dict.fromkeys(map(_one_host, found)))


def _one_host(name: Name) -> Name:
    """Nobody connects to a wildcard: one host stands for those that it covers."""
    if isinstance(name, DnsName) and name.is_wildcard:
        return DnsName(name.text.replace("*", _ANY_HOST, 1))
    return name


def _is_self_issued(certificate: x509.Certificate) -> bool:
    return certificate.subject == certificate.issuer


def _is_emergency(chain: Chain) -> bool:
    leaf = readable(chain[0]) if chain else None
    return leaf is not None and is_emergency(leaf)
