"""Windows: the Root store of the machine for an administrator, of the user for anybody else.

All is said to PowerShell, with the root's own bytes in the command: no file is needed, and what
is found and removed is exactly this certificate, not one of the same name. Adding to the user's
store, and removing from it, Windows asks in a dialog. Not run here: read in .NET's X509Store,
and in Chromium, trust_store_win.cc, for who reads which store.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from housekey.errors import TrustFailed
from housekey.pki.encoding import to_der
from housekey.trust.asking import ask_curl
from housekey.trust.store import Standing, State

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from housekey.trust.store import Machine, Proof, Ran, Server

_LOOK_SECONDS = 60.0  # PowerShell starts slowly
_ANSWER_SECONDS = 300.0  # for the dialog

# No double quotes in any of them: they would have to be escaped on the way.
_CERTIFICATE = (
    "$ErrorActionPreference = 'Stop'; "
    "$c = New-Object System.Security.Cryptography.X509Certificates.X509Certificate2 "
    "-ArgumentList (,[Convert]::FromBase64String('{der}')); "
)
# What the user's store shows includes the machine's; what is only the user's is in the registry.
_LOOK = (
    _CERTIFICATE + "if (Test-Path ('Cert:\\LocalMachine\\Root\\' + $c.Thumbprint)) "
    "{{ if ((Get-Item ('Cert:\\LocalMachine\\Root\\' + $c.Thumbprint)).Equals($c)) "
    "{{ 'LocalMachine' }} }}; "
    "if (Test-Path ('HKCU:\\Software\\Microsoft\\SystemCertificates\\Root\\Certificates\\' "
    "+ $c.Thumbprint)) {{ 'CurrentUser' }}"
)
_CHANGE = (
    _CERTIFICATE + "$s = New-Object System.Security.Cryptography.X509Certificates.X509Store "
    "-ArgumentList 'Root', '{location}'; "
    "$s.Open('ReadWrite'); $s.{verb}($c); $s.Close()"
)


class WindowsStore:
    """The certificate stores of Windows."""

    name = "windows"
    title = "Trusted Root Certification Authorities (Windows)"

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def describe(self) -> str:
        """Say in a sentence which programs read it, and where it lies."""
        return f"read by Edge, Chrome, Windows' own curl and most programs; {self._mine}\\Root"

    def look(self, root: Certificate) -> Standing:
        """Find exactly this certificate in the machine's store and in the user's."""
        if self._machine.system != "Windows":
            return Standing(State.NOT_HERE)
        locations = self._locations(root)
        where = tuple(f"{location}\\Root" for location in locations)
        if not locations:
            return Standing(State.ABSENT, (f"{self._mine}\\Root",))
        return Standing(State.PRESENT, where, needs_administrator="LocalMachine" in locations)

    def install(self, root: Certificate) -> None:
        """Add it; to the user's store after a yes in Windows' own dialog."""
        ran = self._powershell(_CHANGE, root, location=self._mine, verb="Add")
        if ran.code != 0:
            raise TrustFailed(
                f"Windows did not take the root: {_said(ran)}",
                hint="run it in a terminal on this computer's own screen, and say yes to Windows",
            )

    def remove(self, root: Certificate) -> None:
        """Remove it from every store that this user may change."""
        locations = self._locations(root)
        if not self._machine.administrator:
            locations = tuple(each for each in locations if each == "CurrentUser")
        for location in locations:
            ran = self._powershell(_CHANGE, root, location=location, verb="Remove")
            if ran.code != 0:
                raise TrustFailed(
                    f"Windows did not let the root go from {location}\\Root: {_said(ran)}",
                    hint="remove it in certmgr.msc, Trusted Root Certification Authorities",
                )

    def prove(self, server: Server) -> tuple[Proof, ...]:
        """Ask Windows' own curl, which reads this store and no other."""
        system = self._machine.environ.get("SYSTEMROOT", r"C:\Windows")
        own = rf"{system}\System32\curl.exe"
        # Nobody can be asked whether a certificate of a house was withdrawn (curl issue #12239).
        options = ("--ssl-revoke-best-effort",)
        return (ask_curl(self._machine, server, program=own, options=options),)

    @property
    def _mine(self) -> str:
        return "LocalMachine" if self._machine.administrator else "CurrentUser"

    def _locations(self, root: Certificate) -> tuple[str, ...]:
        ran = self._powershell(_LOOK, root, seconds=_LOOK_SECONDS)
        if ran.code != 0:
            raise TrustFailed(
                f"Windows did not say what it trusts: {_said(ran)}",
                hint="housekey needs PowerShell, which comes with Windows",
            )
        said = ran.out.split()
        return tuple(each for each in ("LocalMachine", "CurrentUser") if each in said)

    def _powershell(
        self, script: str, root: Certificate, *, seconds: float = _ANSWER_SECONDS, **parts: str
    ) -> Ran:
        filled = script.format(der=b64encode(to_der(root)).decode(), **parts)
        return self._machine.run(
            ["powershell.exe", "-NoProfile", "-NonInteractive", "-Command", filled],
            seconds=seconds,
        )


def _said(ran: Ran) -> str:
    return " ".join((ran.err or ran.out).split())[:300] or f"exit code {ran.code}"
