"""Whether a Home Assistant can use the pair that it is configured with, and nobody else the key.

`facts_of` looks at the disk, `examine` decides on what was seen, `mend` puts owners and modes
right. What Home Assistant does with each is read in its `components/http` (2024.3.3 to 2026.11.0).
"""

from __future__ import annotations

import errno
import os
import pwd
import stat
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from housekey.errors import FileTrouble, PemUnreadable
from housekey.house.files import Owner
from housekey.house.reasons import told
from housekey.pki.encoding import certificates_from_pem, matches
from housekey.pki.keys import PrivateKey
from housekey.platforms.model import Finding, Severity, worst_first

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from cryptography import x509

    from housekey.homeassistant.configured import Configured, Named
    from housekey.house.files import Files

CERTIFICATE_MODE, KEY_MODE = 0o644, 0o600  # the most that each may have
_READ, _WRITE, _ENTER = 4, 2, 1
_HTTP = "Home Assistant 2024.3.3 to 2026.11.0, components/http"
EMERGENCY = "Home Assistant Emergency Certificate"  # the organization in recovery mode

# The title and the source of each rule.
RULES = {
    "HOME-01": (
        "A file that is configured must be there, or Home Assistant starts in recovery mode",
        f"{_HTTP}, cv.isfile: 'not a file for dictionary value'",
    ),
    "HOME-02": (
        "The names of both files should end in .pem: Home Assistant reads no other form",
        f"{_HTTP}, ssl.SSLContext.load_cert_chain",
    ),
    "HOME-03": (
        "Both files must be readable for the user that Home Assistant runs as",
        f"{_HTTP}, cv.isfile: 'file not readable'",
    ),
    "HOME-04": (
        "A private key must be readable for nobody but Home Assistant's user",
        "architecture.md: a private key is never readable by more than its owner",
    ),
    "HOME-05": (
        "Nobody but Home Assistant's user and root may change the files or their folders",
        "path_resolution(7): who may write into a folder can exchange every file in it",
    ),
    "HOME-06": (
        "Both files must hold what they are configured for, as unencrypted PEM",
        f"{_HTTP}, ssl.SSLContext.load_cert_chain",
    ),
    "HOME-07": (
        "Certificate and key must belong together",
        f"{_HTTP}: 'Could not use SSL certificate … KEY_VALUES_MISMATCH'",
    ),
    "HOME-08": (
        "The running Home Assistant should present the certificate that is configured",
        f"{_HTTP}: the pair is loaded at the start, and not again",
    ),
    "HOME-09": (
        "Recovery mode: Home Assistant could not use its pair and made an emergency certificate",
        f"{_HTTP}, _create_emergency_ssl_context",
    ),
    "HOME-10": (
        "The YAML http: block is ignored from 2026.8 on, and still checked at every start",
        "Home Assistant 2026.11.0, components/http; repair yaml_still_present_after_migration",
    ),
    "HOME-11": (
        "A certificate should be renewed before a third of its life is left",
        f"{_HTTP}: the dates are never looked at, an ended certificate is served in silence",
    ),
    "HOME-12": (
        "What is configured must be visible from here to be checked",
        "secure.md: a container calls files by other names",
    ),
}


@dataclass(frozen=True, slots=True)
class Status:
    """Whose a file or folder is, and who may do what."""

    mode: int  # permission bits, sticky bit included
    owner: Owner

    def lets(self, user: Owner, groups: frozenset[int], what: int) -> bool:
        """Whether `user` may do `what` (read 4, write 2, enter 1): path_resolution(7)."""
        if user.uid == 0:
            return True
        if user.uid == self.owner.uid:
            return bool(self.mode >> 6 & what)
        return bool((self.mode >> 3 if self.owner.gid in groups else self.mode) & what)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One of the two files, as it was found."""

    what: str  # "certificate" or "key"
    named: Named
    status: Status | None  # None: not there, not a file, or out of sight
    folders: tuple[
        tuple[Path, Status], ...
    ]  # those that lead to it for Home Assistant; nearest first
    trouble: str  # why it could not be read here; empty when it could
    certificates: tuple[x509.Certificate, ...] = ()
    key: PrivateKey | None = None
    refused: PemUnreadable | None = None  # it could be read, and is not what it should be


@dataclass(frozen=True, slots=True)
class Pair:
    """Both files, and the user who is to read them."""

    certificate: FileFacts
    key: FileFacts
    owner: Owner
    groups: frozenset[int]

    @property
    def leaf(self) -> x509.Certificate | None:
        """The certificate that Home Assistant would present."""
        return self.certificate.certificates[0] if self.certificate.certificates else None


def facts_of(home: Configured, certificate: Named, key: Named, *, files: Files) -> Pair:
    """Look at the two files and at the folders that lead to them."""
    return Pair(
        certificate=_facts("certificate", certificate, home, files),
        key=_facts("key", key, home, files),
        owner=home.owner,
        groups=_groups(home.owner),
    )


def examine(
    home: Configured, pair: Pair, presented: x509.Certificate | None, *, now: datetime
) -> tuple[Finding, ...]:
    """Return what is wrong, worst first; `presented` is the leaf of the running Home Assistant."""
    found = [
        *_of_file(pair.certificate, pair, CERTIFICATE_MODE),
        *_of_file(pair.key, pair, KEY_MODE),
        *_of_content(pair),
        *_of_running(pair.leaf, presented),
        *_of_stale_block(home),
        *_of_life(pair.leaf, now),
    ]
    return worst_first({(each.rule, each.message): each for each in found}.values())


def mend(pair: Pair, home: Configured, *, files: Files) -> tuple[str, ...]:
    """Put owners and modes of the two files right, and of folders inside Home Assistant's own.

    Returns what was done. Raises FileTrouble when it may not be.
    """
    done = []
    for facts, most in ((pair.key, KEY_MODE), (pair.certificate, CERTIFICATE_MODE)):
        path, status = facts.named.here, facts.status
        if path is None or status is None:
            continue
        # An owner who may not read his own file is no more use than others who may.
        mode = status.mode & most | stat.S_IRUSR
        if mode != status.mode:  # first, so that nobody reads it meanwhile
            files.set_mode(path, mode)
            done.append(f"{path}: mode {status.mode:o} is now {mode:o}")
        if status.owner != pair.owner:
            files.set_owner(path, pair.owner)
            done.append(
                f"{path}: belongs now to {_user(pair.owner.uid)}, as which Home Assistant runs"
            )
        for folder, of_folder in facts.folders:
            if not folder.is_relative_to(home.folder) or any(f"{folder}:" in x for x in done):
                continue
            if of_folder.mode & 0o002 and not of_folder.mode & stat.S_ISVTX:
                files.set_mode(folder, of_folder.mode & ~0o002)
                done.append(f"{folder}: mode {of_folder.mode:o} is now {of_folder.mode & ~0o002:o}")
            elif not of_folder.lets(pair.owner, pair.groups, _ENTER):
                files.set_owner(folder, pair.owner)
                done.append(f"{folder}: belongs now to {_user(pair.owner.uid)}")
    return tuple(done)


def is_emergency(leaf: x509.Certificate) -> bool:
    """Whether Home Assistant made it up, because it could not load the one it should present.

    Source: `components/http/__init__.py` of 2024.3.3, `server.py` of 2026.11.0.
    """
    from cryptography.x509.oid import NameOID  # noqa: PLC0415 - loaded already

    organizations = leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return any(each.value == EMERGENCY for each in organizations)


def emergency_finding() -> Finding:
    """Return the finding of recovery mode."""
    return finding(
        "HOME-09",
        Severity.ERROR,
        "Home Assistant runs in recovery mode, with an emergency certificate that nobody trusts:"
        " it could not use the pair that it is configured with",
        "mend what home-assistant.log says, or housekey undo; then restart Home Assistant",
    )


def finding(rule: str, severity: Severity, message: str, fix: str) -> Finding:
    """Return the finding of a rule of this module."""
    return Finding(rule, severity, message, fix, RULES[rule][1])


# Judging, one concern a function


def _of_file(facts: FileFacts, pair: Pair, most: int) -> Iterator[Finding]:
    path, status = facts.named.here, facts.status
    if path is None:
        yield finding(
            "HOME-12",
            Severity.WARNING,
            f"the {facts.what} {facts.named.text} is inside a container, out of sight from here",
            "run housekey where Home Assistant runs",
        )
        return
    if status is None:
        yield finding(
            "HOME-01",
            Severity.ERROR,
            f"the {facts.what} {path} {facts.trouble}",
            "put it there, or let housekey secure make a new pair",
        )
        return
    if path.suffix != ".pem":
        yield finding(
            "HOME-02",
            Severity.WARNING,
            f"the name of the {facts.what} {path} does not end in .pem",
            "rename it and its entry in the configuration, when you touch it next",
        )
    yield from _of_mode(facts, path, status, pair, most)
    yield from _of_folders(facts, path, pair)


def _of_mode(
    facts: FileFacts, path: Path, status: Status, pair: Pair, most: int
) -> Iterator[Finding]:
    fix = "housekey check --fix puts owners and modes right"
    user = _user(pair.owner.uid)
    if not status.lets(pair.owner, pair.groups, _READ):
        yield finding(
            "HOME-03",
            Severity.ERROR,
            f"the {facts.what} {path} (mode {status.mode:o}, of {_user(status.owner.uid)})"
            f" cannot be read by {user}, as which Home Assistant runs",
            fix,
        )
    if facts.what == "key":
        if status.mode & ~most & 0o077:
            yield finding(
                "HOME-04",
                Severity.ERROR,
                f"the key {path} can be read or changed by other users (mode {status.mode:o},"
                f" and {most:o} is the most)",
                f"{fix}; if others use this machine, housekey secure --key with another kind of"
                " key makes a new one",
            )
        elif status.owner.uid not in (pair.owner.uid, 0):
            yield finding(
                "HOME-04",
                Severity.ERROR,
                f"the key {path} belongs to {_user(status.owner.uid)}, and not to {user}, as which"
                " Home Assistant runs",
                fix,
            )
    elif status.mode & 0o022 or status.owner.uid not in (pair.owner.uid, 0):
        yield finding(
            "HOME-05",
            Severity.ERROR,
            f"the certificate {path} can be changed by others (mode {status.mode:o},"
            f" of {_user(status.owner.uid)})",
            fix,
        )


def _of_folders(facts: FileFacts, path: Path, pair: Pair) -> Iterator[Finding]:
    for folder, status in facts.folders:
        if status.mode & 0o002 and not status.mode & stat.S_ISVTX:
            yield finding(
                "HOME-05",
                Severity.ERROR,
                f"every user can exchange what lies in {folder} (mode {status.mode:o})",
                f"chmod o-w {folder}",
            )
        if not status.lets(pair.owner, pair.groups, _ENTER):
            yield finding(
                "HOME-03",
                Severity.ERROR,
                f"{_user(pair.owner.uid)}, as which Home Assistant runs, cannot enter {folder}"
                f" (mode {status.mode:o}), and so not read the {facts.what} {path}",
                "put both files into Home Assistant's own folder, as housekey secure does",
            )


def _of_content(pair: Pair) -> Iterator[Finding]:
    for facts in (pair.certificate, pair.key):
        if facts.status is None:
            continue
        if facts.trouble:
            yield finding(
                "HOME-12",
                Severity.WARNING,
                f"the {facts.what} {facts.named.here} could not be looked into: {facts.trouble}",
                "run housekey with sudo, or as Home Assistant's user",
            )
        if facts.refused is not None:
            yield finding(
                "HOME-06",
                Severity.ERROR,
                f"the {facts.what} {facts.named.here}: {facts.refused.message}",
                facts.refused.hint,
            )
    leaf, key = pair.leaf, pair.key.key
    if leaf is None or key is None or matches(leaf, key):
        return
    later = any(matches(each, key) for each in pair.certificate.certificates[1:])
    yield finding(
        "HOME-07",
        Severity.ERROR,
        f"the key {pair.key.named.here} belongs to a certificate further down in"
        f" {pair.certificate.named.here}, and the leaf must come first"
        if later
        else f"{pair.certificate.named.here} and {pair.key.named.here} do not belong together",
        "put the leaf first in the file"
        if later
        else "put the key there that belongs to it, or let housekey secure make a new pair",
    )


def _of_running(
    leaf: x509.Certificate | None, presented: x509.Certificate | None
) -> Iterator[Finding]:
    if presented is None:
        return
    if is_emergency(presented):
        yield emergency_finding()
    elif leaf is not None and presented != leaf:
        yield finding(
            "HOME-08",
            Severity.ERROR,
            "the running Home Assistant presents another certificate than the one that is"
            f" configured (it ends on {presented.not_valid_after_utc:%Y-%m-%d})",
            "restart Home Assistant; it loads the files only when it starts",
        )


def _of_stale_block(home: Configured) -> Iterator[Finding]:
    if not home.stale:
        return
    where = ", ".join(str(path) for path in home.stale)
    gone = [each for each in home.stale_files if each.here is not None and not each.here.is_file()]
    if gone:
        yield finding(
            "HOME-10",
            Severity.ERROR,
            f"the http: block in {where} is ignored, but names {gone[0].text}, which is not there:"
            " the next start ends in recovery mode",
            "take the http: block out; housekey secure does it",
        )
    else:
        yield finding(
            "HOME-10",
            Severity.WARNING,
            f"Home Assistant ignores the http: block in {where}, and still checks the files that"
            " it names at every start",
            "take the http: block out before any of those files; housekey secure does it",
        )


def _of_life(leaf: x509.Certificate | None, now: datetime) -> Iterator[Finding]:
    if leaf is None:
        return
    begin, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if now > end:
        message = (
            f"the certificate ended on {end:%Y-%m-%d}, and Home Assistant serves it all the same"
        )
    elif now >= end - (end - begin) / 3:
        message = f"the certificate ends on {end:%Y-%m-%d}"
    else:
        return
    severity = Severity.ERROR if now > end else Severity.WARNING
    yield finding("HOME-11", severity, message, "housekey secure renews it")


# Looking


def _facts(what: str, named: Named, home: Configured, files: Files) -> FileFacts:
    path = named.here
    if path is None:
        return FileFacts(what, named, None, (), "")
    try:
        with told(path):
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    except FileTrouble as error:
        gone = isinstance(error.__cause__, FileNotFoundError)
        trouble = "is not there" if gone else f"cannot be looked at: {error.reason}"
        return FileFacts(what, named, None, (), trouble)
    found = FileFacts(what, named, _status(status), _folders(path, home), "")
    try:
        data = files.read(path)
        if what == "key":
            return replace(found, key=PrivateKey.from_pem(data))
        return replace(found, certificates=certificates_from_pem(data))  # leaf first
    except FileTrouble as error:
        return replace(found, trouble=error.reason)
    except PemUnreadable as error:
        return replace(found, refused=error)


def _folders(path: Path, home: Configured) -> tuple[tuple[Path, Status], ...]:
    """Return the folders that lead to `path`, by name and behind its links, nearest first.

    Those above a container's folder do not matter to a Home Assistant in it. Those above a folder
    that is not a container's may keep its user out; they cannot be made right by us.
    """
    above = dict.fromkeys((*path.absolute().parents, *path.resolve().parents))
    inside = (home.folder.absolute(), home.folder.resolve())
    found = []
    for folder in above:
        if home.same_view or any(folder.is_relative_to(each) for each in inside):
            try:
                found.append((folder, _status(folder.stat())))
            except OSError:
                continue
    return tuple(found)


def _status(status: os.stat_result) -> Status:
    return Status(stat.S_IMODE(status.st_mode), Owner(status.st_uid, status.st_gid))


def _groups(owner: Owner) -> frozenset[int]:
    """Return the groups of a user, as this computer knows it; a container's is often unknown."""
    try:
        return frozenset(os.getgrouplist(pwd.getpwuid(owner.uid).pw_name, owner.gid))
    except (KeyError, OSError):
        return frozenset({owner.gid})


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
