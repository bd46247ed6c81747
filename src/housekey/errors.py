"""Everything that can go wrong, as one tree.

    HousekeyError                 a sentence, and a hint at the next step
    ├── UsageError                the command was called in a way that cannot be meant      (exit 2)
    │   ├── AnswerMissing         a question, and no terminal to ask it on; names the option
    │   ├── SubjectRefused        a subject field that no certificate can carry
    │   ├── PermitRefused         a name too wide for the constraints of one home
    │   └── ProviderRefused       a DNS provider that does not exist, or cannot be used as called
    ├── NameRefused               no platform would take this name in a certificate
    ├── NotPermitted              the house's name constraints do not cover this name
    ├── PemUnreadable             bytes that should have been a certificate or a key
    │   └── PemLocked             they are locked, and no passphrase was given
    ├── RequestRefused            a certificate request (CSR) that is not signed here
    ├── AnswerRefused             what a CA returned, that Home Assistant is not given
    ├── RevokeRefused             a certificate that cannot be revoked, or is already
    ├── LookFailed                what a check was to look at could not be looked at
    ├── FileTrouble               a file could not be written, replaced or read
    ├── HouseTrouble              the house on disk
    │   ├── HouseMissing          there is none here
    │   ├── HouseUnsafe           its folder or a key is open to others
    │   ├── HouseBroken           a file of it is missing or damaged
    │   │   └── LedgerNewer       its ledger was written by a newer housekey
    │   ├── HouseBusy             another housekey holds its lock
    │   ├── HouseExpired          the issuing CA or the root is past its end
    │   ├── RotationRefused       a change of the root that cannot be made as things stand
    │   └── ClockWrong            the clock stands before the root's birth, or housekey's own
    ├── RecoveryCodeWrong         a recovery code with a typo, or of another house
    ├── BackupRefused             a backup that is not made, or not one that can be opened
    ├── HomeAssistantTrouble      Home Assistant, before anything was changed
    │   ├── NotFound              none, or several, found
    │   ├── Unreachable           it does not answer
    │   ├── SignInRefused         the token, or the person, was not accepted
    │   ├── NotReady              it is starting, or in recovery mode, or trying something else
    │   ├── CommandFailed         it understood a command and refused it; carries its own code
    │   └── FolderMismatch        the folder and the running instance do not belong together
    ├── ShareFailed               the onboarding page could not be served
    ├── LaneFailed                the plain port for devices could not be opened
    ├── TrustFailed               a trust store could not be read or changed
    │   ├── TrustPutBack          it was changed, failed, and has been put back             (exit 4)
    │   └── RootRefused           a root that is not installed: another one, or one without limits
    ├── PairRefused               a certificate and key that a running server is not given
    ├── SwapRefused               a running server could not be given another certificate
    ├── RenewalFailed             a certificate that is due could not be renewed
    │   ├── CopyNotRenewed        it was, and a copy of it elsewhere was not
    │   └── SignatureNeeded       a CA of the user's own has to sign it first
    ├── PublicTrouble             a public name: the CA that is to sign for it
    │   ├── CaUnreachable         it does not answer, or not as an ACME CA does
    │   ├── CaRefused             it understood and refused; carries its own code
    │   │   └── TermsChanged      until somebody agrees to its new terms
    │   ├── CaAsksToWait          it, or a limit that it publishes, allows this only later
    │   └── NotProven             it did not find the record that proves a name
    ├── ServiceTrouble            the service of systemd could not be installed or removed
    │   └── ServicePutBack        it was installed, did not start, and was taken away again (exit 4)
    ├── DnsFailed                 a DNS record could not be looked up or changed
    │   └── DnsNotShown           it was changed, and the zone's own servers do not show it
    ├── Stopped                   the user said no to a question                            (exit 1)
    │   └── CodeNotNoted          the one about the recovery code
    ├── YamlRefused               an edit that cannot be made safely; carries the lines to add
    └── SwitchFailed              something was changed, and has been put back              (exit 4)

Each class carries the exit code of DESIGN's table; every other code is 3: failed, nothing changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


class HousekeyError(Exception):
    """What happened, in the user's words, and a hint at the next step.

    `message` is one sentence without a full stop, `hint` likewise; the command
    line prints them as `error: …` and `hint: …`.
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(HousekeyError):
    """The command was called in a way that cannot be meant."""

    exit_code = 2


class AnswerMissing(UsageError):
    """A question that nobody is there to answer; `option` answers it on the command line."""

    def __init__(self, question: str, *, option: str, choices: tuple[str, ...] = ()) -> None:
        listed = f" ({', '.join(choices)})" if choices else ""
        super().__init__(
            f"there is no terminal to ask on: {question}{listed}", hint=f"answer with {option}"
        )
        self.option = option
        self.choices = choices


class SubjectRefused(UsageError):
    """A field of a certificate's subject is missing, too long, or not what it must be."""


class PermitRefused(UsageError):
    """The house's constraints may not cover `name`: it belongs to more than one home."""

    def __init__(self, name: str, *, reason: str, hint: str) -> None:
        super().__init__(f"a house may not be permitted {name!r}: {reason}", hint=hint)
        self.name = name
        self.reason = reason


class ProviderRefused(UsageError):
    """No DNS provider has this name, or it lacks what it needs: a package, or credentials."""


class NameRefused(HousekeyError):
    """No platform would take `name` in a certificate; `reason` says why."""

    exit_code = 2

    def __init__(self, name: str, *, reason: str, hint: str) -> None:
        super().__init__(f"{name!r} cannot be a name in a certificate: {reason}", hint=hint)
        self.name = name
        self.reason = reason


class NotPermitted(HousekeyError):
    """The house may not issue for `names`: its name constraints were fixed when it was created."""

    def __init__(self, names: tuple[str, ...], *, permitted: tuple[str, ...]) -> None:
        super().__init__(
            f"this house may not issue a certificate for {', '.join(names)}:"
            " its name constraints were fixed at its creation,"
            " and every device that trusts its root relies on them",
            hint=f"it covers {', '.join(permitted)}; a new root can cover more:"
            " housekey house rotate --permit NAME",
        )
        self.names = names
        self.permitted = permitted


class PemUnreadable(HousekeyError):
    """Bytes that should have been a certificate or a key."""


class PemLocked(PemUnreadable):
    """Bytes that are locked with a passphrase, and none was given."""


class RequestRefused(HousekeyError):
    """A certificate request (CSR) that is not signed here, or a certificate not to be had again."""


class AnswerRefused(HousekeyError):
    """What a CA returned is not for this key or these names, lacks a part, or cannot work."""


class RevokeRefused(HousekeyError):
    """A certificate that cannot be revoked: the house's own, one that ended, or is revoked."""


class LookFailed(HousekeyError):
    """The target of a check could not be looked at: nothing is there, or something else is.

    `met` tells what was met instead, as `live.greeting.Met` calls it; empty without a server.
    """

    def __init__(self, message: str, *, hint: str, met: str = "", reason: str = "") -> None:
        super().__init__(message, hint=hint)
        self.met = met
        self.reason = reason


class FileTrouble(HousekeyError):
    """`path` could not be written, replaced or read; the file is as it was before."""

    def __init__(self, path: Path, reason: str, *, hint: str) -> None:
        super().__init__(f"{path}: {reason}", hint=hint)
        self.path = path
        self.reason = reason


class HouseTrouble(HousekeyError):
    """The house on disk."""


class HouseMissing(HouseTrouble):
    """There is no house in the folder."""


class HouseUnsafe(HouseTrouble):
    """The house's folder or one of its keys is open to others than its owner."""


class HouseBroken(HouseTrouble):
    """A file of the house is missing or damaged."""


class LedgerNewer(HouseBroken):
    """The ledger was written by a newer housekey, and cannot be judged by this one."""


class HouseBusy(HouseTrouble):
    """Another housekey holds the house's lock."""


class HouseExpired(HouseTrouble):
    """The issuing CA or the root is past its end."""


class RotationRefused(HouseTrouble):
    """The root cannot be changed, dropped or taken back as things stand; nothing was changed."""


class ClockWrong(HouseTrouble):
    """This machine's clock cannot be right: before the root's birth, or not what a CA's shows."""


class RecoveryCodeWrong(HousekeyError):
    """A recovery code with a typo in it, or of another house."""


class BackupRefused(HousekeyError):
    """A backup of a house that is not made, does not open, or is not taken for what it says."""


class HomeAssistantTrouble(HousekeyError):
    """Home Assistant is not in a state to be secured; nothing was changed."""


class NotFound(HomeAssistantTrouble):
    """No Home Assistant was found, or several and none was chosen."""


class Unreachable(HomeAssistantTrouble):
    """Home Assistant does not answer."""


class SignInRefused(HomeAssistantTrouble):
    """Home Assistant did not accept the token, or it is not an administrator's."""


class NotReady(HomeAssistantTrouble):
    """Home Assistant is starting, in recovery mode, or trying other settings."""


class CommandFailed(HomeAssistantTrouble):
    """Home Assistant refused a command; `code` and `reason` are its own words."""

    def __init__(self, command: str, *, code: str, reason: str, hint: str) -> None:
        super().__init__(f"Home Assistant refused {command}: {reason}", hint=hint)
        self.command = command
        self.code = code
        self.reason = reason


class FolderMismatch(HomeAssistantTrouble):
    """The folder and the running instance do not belong together."""


class ShareFailed(HousekeyError):
    """The onboarding page could not be served, or no longer; `port`: for the sake of this one."""

    def __init__(self, message: str, *, hint: str, port: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.port = port


class LaneFailed(HousekeyError):
    """The plain port for devices (the lane of the integration) could not be opened."""


class TrustFailed(HousekeyError):
    """A trust store of this computer could not be read or changed."""


class TrustPutBack(TrustFailed):
    """A trust store could not be changed to the end; it is as it was before."""

    exit_code = 4


class RootRefused(TrustFailed):
    """A root that is not installed: its fingerprint is another, or nothing limits it."""


class PairRefused(HousekeyError):
    """A certificate and key that a running server is not given; it presents what it did before."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the new certificate is not presented: {reason}",
            hint="the one from before still is; renew once more",
        )
        self.reason = reason


class SwapRefused(HousekeyError):
    """A running server could not be given another certificate; it presents what it did before."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the certificate cannot be changed while the server runs: {reason}",
            hint="a restart of Home Assistant takes the new one",
        )
        self.reason = reason


class RenewalFailed(HousekeyError):
    """A certificate that is due could not be renewed, or not be given to what serves it."""


class CopyNotRenewed(RenewalFailed):
    """A certificate was renewed, and a copy of it elsewhere was not replaced."""


class SignatureNeeded(RenewalFailed):
    """A certificate is due, and a CA of the user's own has to sign it: only they can ask it."""


class PublicTrouble(HousekeyError):
    """No certificate for a public name for now; what is in use stays in use."""


class CaUnreachable(PublicTrouble):
    """The CA does not answer, or not as an ACME CA does; the same can be asked again.

    `again_in`: seconds after which it wants to be asked again, where it has said so.
    """

    def __init__(self, message: str, *, hint: str, again_in: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.again_in = again_in


class CaRefused(PublicTrouble):
    """The CA understood and refused; `code` (RFC 8555, section 6.7) and `status` are its own."""

    def __init__(self, message: str, *, hint: str, code: str, status: int) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.status = status


class TermsChanged(CaRefused):
    """The CA refuses until its new terms are agreed to; `terms` and `page` are addresses."""

    def __init__(
        self,
        message: str,
        *,
        hint: str,
        code: str,
        status: int,
        terms: str | None,
        page: str | None,
    ) -> None:
        super().__init__(message, hint=hint, code=code, status=status)
        self.terms = terms
        self.page = page


class CaAsksToWait(PublicTrouble):
    """The CA, or a limit that it publishes, allows this only at `until`; `why` in its words."""

    def __init__(self, message: str, *, hint: str, until: datetime, why: str = "") -> None:
        super().__init__(message, hint=hint)
        self.until = until
        self.why = why


class NotProven(PublicTrouble):
    """The CA did not find the record that proves `names`; `reason` is in its own words."""

    def __init__(self, message: str, *, hint: str, names: tuple[str, ...], reason: str) -> None:
        super().__init__(message, hint=hint)
        self.names = names
        self.reason = reason


class ServiceTrouble(HousekeyError):
    """The service of systemd could not be installed or removed; nothing was changed."""


class ServicePutBack(ServiceTrouble):
    """The service of systemd was installed, did not start, and was taken away again."""

    exit_code = 4


class DnsFailed(HousekeyError):
    """A DNS record could not be looked up, or the provider did not change it."""


class DnsNotShown(DnsFailed):
    """The zone's own servers do not show a record that was published.

    `record`: its full name; `places`: the servers that were asked, and what each one showed.
    """

    def __init__(
        self, message: str, *, hint: str, record: str, places: tuple[tuple[str, str], ...]
    ) -> None:
        super().__init__(message, hint=hint)
        self.record = record
        self.places = places


class Stopped(HousekeyError):
    """The user said no to a question, before anything was changed."""

    exit_code = 1

    def __init__(self, *, hint: str = "run it again whenever you like") -> None:
        super().__init__("stopped, before anything was changed", hint=hint)


class CodeNotNoted(Stopped):
    """The user said no, and was shown a recovery code before: of a root that there is not."""

    def __init__(self) -> None:
        super().__init__(hint="the recovery code above opens nothing; the next run shows another")


class YamlRefused(HousekeyError):
    """An edit of YAML that cannot be made without touching more than it is about."""

    def __init__(
        self, path: Path, reason: str, *, lines: tuple[str, ...], without: str = "http:"
    ) -> None:
        by_hand = "add by hand, under http: — " + " and ".join(lines)
        super().__init__(
            f"{path} cannot be edited safely: {reason}",
            hint=by_hand if lines else f"take out by hand: {without}",
        )
        self.path = path
        self.reason = reason
        self.lines = lines


class SwitchFailed(HousekeyError):
    """The change was not proven; everything has been put back as it was before."""

    exit_code = 4
