"""The Root stores of Windows, played by `FakeWindows`, which reads what PowerShell is given."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from housekey.errors import TrustFailed
from housekey.pki.encoding import to_der
from housekey.trust.store import Server, State
from housekey.trust.windows import WindowsStore
from tests.trust.fakes import FakeWindows
from tests.trust.roots import a_root

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("administrator", "location"), [(False, "CurrentUser"), (True, "LocalMachine")]
)
def test_a_root_goes_in_is_found_and_comes_out(
    administrator: bool, location: str, tmp_path: Path
) -> None:
    windows = FakeWindows(tmp_path, administrator=administrator)
    store = WindowsStore(windows.machine)
    assert store.look(a_root()).state is State.ABSENT
    store.install(a_root())
    assert windows.stores[location] == [to_der(a_root())]
    standing = store.look(a_root())
    assert (standing.state, standing.where) == (State.PRESENT, (rf"{location}\Root",))
    assert standing.needs_administrator is administrator
    store.remove(a_root())
    assert windows.stores == {"LocalMachine": [], "CurrentUser": []}


def test_what_powershell_is_told(tmp_path: Path) -> None:
    windows = FakeWindows(tmp_path)
    store = WindowsStore(windows.machine)
    store.look(a_root())
    store.install(a_root())
    made = (
        "$ErrorActionPreference = 'Stop'; "
        "$c = New-Object System.Security.Cryptography.X509Certificates.X509Certificate2 "
        f"-ArgumentList (,[Convert]::FromBase64String('{b64encode(to_der(a_root())).decode()}')); "
    )
    looked, added = (command[4] for command in windows.commands)
    assert looked == (
        made + r"if (Test-Path ('Cert:\LocalMachine\Root\' + $c.Thumbprint)) "
        r"{ if ((Get-Item ('Cert:\LocalMachine\Root\' + $c.Thumbprint)).Equals($c)) "
        r"{ 'LocalMachine' } }; "
        r"if (Test-Path ('HKCU:\Software\Microsoft\SystemCertificates\Root\Certificates\' "
        r"+ $c.Thumbprint)) { 'CurrentUser' }"
    )
    assert added == (
        made + "$s = New-Object System.Security.Cryptography.X509Certificates.X509Store "
        "-ArgumentList 'Root', 'CurrentUser'; "
        "$s.Open('ReadWrite'); $s.Add($c); $s.Close()"
    )


def test_another_houses_root_survives(tmp_path: Path) -> None:
    windows = FakeWindows(tmp_path)
    store = WindowsStore(windows.machine)
    store.install(a_root("neighbours"))
    store.install(a_root())
    store.remove(a_root())
    assert windows.stores["CurrentUser"] == [to_der(a_root("neighbours"))]


def test_a_no_in_windows_own_dialog_is_told(tmp_path: Path) -> None:
    windows = FakeWindows(tmp_path)
    windows.refuses = 'Exception calling "Add": "The operation was canceled by the user."'
    with pytest.raises(TrustFailed, match="canceled by the user"):
        WindowsStore(windows.machine).install(a_root())


def test_a_user_takes_out_only_what_is_the_users(tmp_path: Path) -> None:
    windows = FakeWindows(tmp_path)
    for held in windows.stores.values():
        held.append(to_der(a_root()))
    store = WindowsStore(windows.machine)
    assert store.look(a_root()).needs_administrator
    store.remove(a_root())
    assert windows.stores == {"LocalMachine": [to_der(a_root())], "CurrentUser": []}


def test_windows_own_curl_is_asked_and_not_another(tmp_path: Path) -> None:
    windows = FakeWindows(tmp_path)
    (proof,) = WindowsStore(windows.machine).prove(Server("ha.lan", 8126))
    assert proof.accepts is False
    assert "SEC_E_UNTRUSTED_ROOT" in proof.said
    command = windows.commands[-1]
    assert command[0] == r"C:\WINDOWS\System32\curl.exe"
    assert "--ssl-revoke-best-effort" in command
    assert command[-1] == "https://ha.lan:8126/"


def test_elsewhere_there_is_no_such_store(tmp_path: Path) -> None:
    from tests.trust.fakes import fake_machine  # noqa: PLC0415

    store = WindowsStore(fake_machine(tmp_path, FakeWindows(tmp_path).run))
    assert store.look(a_root()).state is State.NOT_HERE
