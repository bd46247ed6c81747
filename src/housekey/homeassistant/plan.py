"""What has to be done to a Home Assistant: decided here, from facts, by nobody's hand.

`plan()` compares what is with what is wanted and answers with the steps that
are missing. A Home Assistant that is already as wanted gives an empty plan; one
that was left half way by a power cut gives the second half. Doing the steps is
switch.py's.

One rule keeps Home Assistant startable whatever happens between two writes:
files that its present configuration names are never replaced by another pair.
A new certificate for the same key may take the old one's place, because that is
one atomic rename; a pair with another key goes to names that nothing refers to
yet, and the configuration follows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from housekey.pki.hosts import bracketed
from housekey.pki.keys import KeyType
from housekey.pki.names import IpName

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from housekey.pki.names import DnsName, Name

DEFAULT_DAYS = 397  # PLATFORMS.md 0.1; Apple's cap for a root of the user's own is 825 (APL-01)
HTTP_PORT = 80
HTTPS_PORT = 443


class Road(StrEnum):
    """Home Assistant's two ways of being configured."""

    TRIAL = "trial"  # 2026.8 and later: a pending configuration that is promoted or forgotten
    YAML = "yaml"  # 2026.7 and earlier: configuration.yaml and a restart


@dataclass(frozen=True, slots=True)
class Pair:
    """Where a certificate and its key lie, as this machine sees the folder."""

    certificate: Path
    key: Path

    def alternatives(self) -> Iterator[Pair]:
        """Yield this pair, then `certificate-2.pem` and `privkey-2.pem`, and so on."""
        yield self
        number = 2
        while True:
            yield Pair(
                self.certificate.with_stem(f"{self.certificate.stem}-{number}"),
                self.key.with_stem(f"{self.key.stem}-{number}"),
            )
            number += 1


@dataclass(frozen=True, slots=True)
class LeafFacts:
    """The leaf that the house last issued for this Home Assistant."""

    names: tuple[Name, ...]
    not_before: datetime
    not_after: datetime
    key_type: KeyType
    sha256: str
    by_this_house: bool  # signed by an issuing CA of the house: today's, or one from before
    current: bool = True  # its chain is what the house would give it today
    leaked: bool = False  # somebody else may have its key


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user wants; None is "as it is, or the default"."""

    names: tuple[Name, ...]
    dropped: tuple[Name, ...]  # names the user said a new certificate must not carry
    url_host: DnsName | None  # the host name for internal_url, if there is a usable one
    pair: Pair
    key_type: KeyType | None = None
    days: int | None = None
    port: int | None = None
    renew: str | None = None  # why a new leaf is due, when the plan itself could not see it
    keep_key: bool | None = None  # use the key that is served on; None: with this issuing CA
    signer: str | None = None  # who else signs, for people; None: the house itself
    public: PublicName | None = None  # what it is called everywhere, on that road


@dataclass(frozen=True, slots=True)
class PublicName:
    """A name that is the same in the house and outside of it."""

    names: tuple[DnsName, ...]  # those of the certificate; the first is what it is called
    from_outside: bool  # it leads to an address of the internet


@dataclass(frozen=True, slots=True)
class Facts:
    """What is, read from the folder, the house and the running Home Assistant."""

    now: datetime
    road: Road
    leaf: LeafFacts | None
    configured: Pair | None  # what Home Assistant will load at its next start, unless on trial
    configured_port: int
    on_trial: Pair | None  # what a trial that is running now has loaded
    on_trial_port: int | None
    names_in_use: frozenset[Path]  # every file that any of its configurations names
    key_is_ours: bool  # the configured (or tried) key file holds the leaf's key
    certificate_is_ours: bool  # the configured (or tried) certificate file holds the leaf's chain
    presents: str | None  # SHA-256 of the leaf that the running server presents
    stale_yaml: bool
    internal_url: str | None
    external_url: str | None = None
    settled: bool = True  # the house keeps already by which road its certificates come


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps that are missing, in the order in which they are done."""

    issue: str | None  # why a new leaf is due; None: the one there is stays
    reuse_key: bool  # the new leaf is for the key that is being served
    key_type: KeyType
    days: int
    remove_stale_yaml: bool
    write: bool
    pair: Pair
    port: int
    configure: bool  # start a trial (road TRIAL)
    edit_yaml: bool  # (road YAML)
    restart: bool  # ask for a restart; `configure` restarts by itself
    promote: bool
    internal_url: str | None  # the value to set; None: it is good as it is
    external_url: str | None = None  # likewise
    settle: bool = False  # keep by which road the certificate comes
    signer: str | None = None  # who else signs, for people
    lead: str | None = None  # where a name is led before anything else, for people

    @property
    def touches_server(self) -> bool:
        """Whether what the server presents, or would present, is about to change."""
        return self.configure or self.edit_yaml or self.restart or self.promote

    @property
    def empty(self) -> bool:
        """Whether everything is as wanted."""
        return not (
            self.issue
            or self.write
            or self.remove_stale_yaml
            or self.touches_server
            or self.internal_url
            or self.external_url
            or self.settle
        )

    @property
    def without_urls(self) -> Plan:
        """The same, with Home Assistant's own settings left alone."""
        return replace(self, internal_url=None, external_url=None)

    def told(self) -> tuple[str, ...]:
        """Say the steps in plain words, for `--dry-run`."""
        steps = (
            (self.lead, f"{self.lead}"),
            (self.remove_stale_yaml, "take the http: block that is ignored out of the YAML"),
            (self.settle and not self.issue, f"keep that {self.signer} signs from now on"),
            (
                self.issue,
                f"issue a certificate for {self.days} days, {self.key_type.label} ({self.issue})"
                if self.signer is None
                else f"get a certificate from {self.signer}, {self.key_type.label} ({self.issue})",
            ),
            (self.write, f"write {self.pair.certificate} and {self.pair.key}"),
            (self.edit_yaml, "add the certificate to the http: block, and check the configuration"),
            (self.configure, "start Home Assistant on trial with HTTPS"),
            (self.restart, "restart Home Assistant"),
            (self.touches_server, f"prove HTTPS on port {self.port} from outside, or go back"),
            (self.promote, "make HTTPS permanent"),
            (self.internal_url, f"set the internal URL to {self.internal_url}"),
            (self.external_url, f"set the external URL to {self.external_url}"),
        )
        return tuple(text for needed, text in steps if needed) or ("do nothing: all is as wanted",)


def plan(facts: Facts, wanted: Wanted) -> Plan:
    """Decide which steps lead from `facts` to `wanted`."""
    issue = leaf_due(facts, wanted)
    key_type = wanted.key_type or (facts.leaf.key_type if facts.leaf else KeyType.ECDSA_P256)
    same_key = (
        facts.key_is_ours
        and facts.leaf is not None
        and facts.leaf.key_type is key_type
        and not facts.leaf.leaked
        and (facts.leaf.by_this_house if wanted.keep_key is None else wanted.keep_key)
    )
    current = facts.on_trial or facts.configured
    pair = current if same_key and current is not None else _free_pair(facts, wanted)
    port = wanted.port or _port(facts)
    loaded_by = (pair, port)
    promote = loaded_by == (facts.on_trial, facts.on_trial_port) and facts.road is Road.TRIAL
    configured = promote or loaded_by == (facts.configured, facts.configured_port)
    write = issue is not None or not (same_key and facts.certificate_is_ours)
    presents_it = issue is None and facts.leaf is not None and facts.presents == facts.leaf.sha256
    return Plan(
        issue=issue,
        reuse_key=issue is not None and same_key,
        key_type=key_type,
        days=wanted.days or DEFAULT_DAYS,
        remove_stale_yaml=facts.stale_yaml,
        write=write,
        pair=pair,
        port=port,
        configure=facts.road is Road.TRIAL and not configured,
        edit_yaml=facts.road is Road.YAML and not configured,
        restart=(not configured and facts.road is Road.YAML) or (configured and not presents_it),
        promote=facts.road is Road.TRIAL and (promote or not configured),
        internal_url=_internal_url(facts.internal_url, wanted.url_host, port),
        external_url=_external_url(facts, wanted.public, port),
        settle=not facts.settled,
        signer=wanted.signer,
    )


def leaf_due(facts: Facts, wanted: Wanted) -> str | None:  # noqa: PLR0911 - a list of reasons
    """Say why a new leaf is due, in a few words; None when the present one is good.

    A leaf is renewed when a third of its life is left (what ACME clients do).
    A name that is no longer wanted is no reason: it harms nobody.
    """
    leaf = facts.leaf
    if leaf is None:
        return "the first certificate"
    if not leaf.by_this_house:
        return "the one in use is from another issuing CA"
    if not leaf.current:
        return "the house has a new root or issuing CA"
    missing = [str(name) for name in wanted.names if name not in leaf.names]
    if missing:
        return f"new names: {', '.join(missing)}"
    gone = [str(name) for name in wanted.dropped if name in leaf.names]
    if gone:
        return f"names to leave out: {', '.join(gone)}"
    if wanted.key_type is not None and wanted.key_type is not leaf.key_type:
        return f"another kind of key: {wanted.key_type.label}"
    life = leaf.not_after - leaf.not_before
    if facts.now >= leaf.not_after - life / 3:
        return "two thirds of its life are over"
    if wanted.renew is not None:
        return wanted.renew
    # The leaf begins an hour or so before it is issued: compare whole days.
    if wanted.days is not None and abs(life - timedelta(days=wanted.days)) >= timedelta(days=1):
        return f"another lifetime: {wanted.days} days"
    return None


def _free_pair(facts: Facts, wanted: Wanted) -> Pair:
    return next(
        pair
        for pair in wanted.pair.alternatives()
        if not facts.names_in_use & {pair.certificate, pair.key}
    )


def _port(facts: Facts) -> int:
    # https://…:80 is a URL that nobody types right; new installs under Supervisor are on 80.
    now = facts.on_trial_port if facts.on_trial_port is not None else facts.configured_port
    return HTTPS_PORT if now == HTTP_PORT else now


def _internal_url(now: str | None, host: DnsName | None, port: int) -> str | None:
    """Return the `internal_url` to set; None when it is good, or when there is no host name.

    Home Assistant leaves URLs with an IP address out of account once TLS is on,
    and speech, media and cameras go silent; so it has to be a host name.
    """
    if host is None or isinstance(host, IpName):
        return None
    url = https_url(str(host), port)
    return None if now is not None and _same_place(now, url) else url


def _external_url(facts: Facts, public: PublicName | None, port: int) -> str | None:
    """Return the `external_url` to set; None where it is good, or its owner's own affair.

    It is right in two cases: none is set, and the name leads to an address of the internet; and one
    is set that is this name over http, which nobody answers any more. A port of a router stays.
    """
    now = facts.external_url
    if public is None:
        return None
    if not now:
        return https_url(str(public.names[0]), port) if public.from_outside else None
    parts = urlsplit(now)
    host = (parts.hostname or "").rstrip(".").lower()
    if parts.scheme != "http" or not any(host == str(name) for name in public.names):
        return None
    before = facts.on_trial_port or facts.configured_port
    outside = parts.port or HTTP_PORT
    return https_url(host, port if outside == before else outside)


def https_url(host: str, port: int) -> str:
    """Write a URL as people do, without the port that https means anyway."""
    shown = bracketed(host)
    return f"https://{shown}" if port == HTTPS_PORT else f"https://{shown}:{port}"


def _same_place(one: str, other: str) -> bool:
    a, b = urlsplit(one), urlsplit(other)
    return (a.scheme, a.hostname, a.port or HTTPS_PORT) == (
        b.scheme,
        b.hostname,
        b.port or HTTPS_PORT,
    )
