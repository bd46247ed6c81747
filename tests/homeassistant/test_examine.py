"""What a folder says about its pair, and what is wrong with that: decided on files of this disk."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from housekey.errors import NotFound
from housekey.homeassistant.configured import Configured, configured
from housekey.homeassistant.examine import (
    RULES,
    Pair,
    Status,
    examine,
    facts_of,
    is_emergency,
    mend,
)
from housekey.house.files import Files, Owner
from housekey.pki.encoding import chain_to_pem
from housekey.pki.issuing import issue_leaf
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.secret import Secret
from housekey.platforms.model import Severity
from tests.needs import require
from tests.pki.houses import NOW, a_house, names

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography import x509

KEY = PrivateKey.generate(KeyType.ECDSA_P256)
ISSUING = a_house().issuing.certificate
LEAF: x509.Certificate = issue_leaf(
    public_key=KEY.public_key, names=names("ha.lan"), issuer=a_house().issuing, now=NOW
)
BLOCK = "http:\n  ssl_certificate: {}\n  ssl_key: {}\n"


class Folder:
    """A folder of Home Assistant 2024.3.3 with a pair as `secure` leaves it."""

    def __init__(self, path: Path, version: str = "2024.3.3") -> None:
        self.path = path / "config"
        (self.path / ".storage").mkdir(parents=True)
        self.path.chmod(0o755)
        (self.path / ".HA_VERSION").write_text(version)
        (self.path / ".storage" / "auth").write_text("{}")
        self.certificate = self.path / "certificate.pem"
        self.key = self.path / "privkey.pem"
        self.certificate.write_bytes(chain_to_pem((LEAF, ISSUING)))
        self.key.write_bytes(KEY.to_pem().reveal())
        self.certificate.chmod(0o644)
        self.key.chmod(0o600)
        self.yaml(BLOCK.format(self.certificate, self.key))

    def yaml(self, text: str, name: str = "configuration.yaml") -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def store(self, **slots: Any) -> None:
        text = json.dumps({"data": {"yaml_migration_done": True, **slots}})
        (self.path / ".storage" / "http").write_text(text)

    def read(self) -> Configured:
        return configured(self.path, read=Files().read)

    def pair(self, home: Configured | None = None) -> Pair:
        home = home or self.read()
        assert home.certificate is not None
        assert home.key is not None
        return facts_of(home, home.certificate, home.key, files=Files())

    def found(
        self, presented: x509.Certificate | None = None, *, after: timedelta = timedelta(0)
    ) -> dict[str, str]:
        home = self.read()
        told = examine(home, self.pair(home), presented, now=NOW + after)
        assert all(each.rule in RULES and each.source and each.fix for each in told)
        return {each.rule: f"{each.severity}: {each.message}" for each in told}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


# Which pair is configured


def test_the_yaml_decides_up_to_2026_7(folder: Folder) -> None:
    home = folder.read()
    assert home.by == "configuration.yaml"
    assert home.certificate is not None
    assert home.certificate.here == folder.certificate
    assert (home.stale, home.trouble) == ((), "")


@pytest.mark.parametrize(
    ("main", "more", "by"),
    [
        ("http: !include net/http.yaml\n", "net/http.yaml", "net/http.yaml"),
        (
            "homeassistant:\n  packages: !include_dir_named packages\n",
            "packages/door.yaml",
            "packages/door.yaml",
        ),
    ],
    ids=["an include", "a package"],
)
def test_the_block_is_found_wherever_it_is(folder: Folder, main: str, more: str, by: str) -> None:
    block = BLOCK.format(folder.certificate, folder.key)
    folder.yaml(main)
    folder.yaml(block if "packages" in more else block.removeprefix("http:\n"), more)
    home = folder.read()
    assert home.by == by
    assert home.certificate is not None
    assert home.certificate.here == folder.certificate


def test_from_2026_8_on_the_store_decides_and_a_yaml_block_is_stale(tmp_path: Path) -> None:
    folder = Folder(tmp_path, "2026.11.0")
    stable = {"ssl_certificate": "/config/certificate.pem", "ssl_key": "/config/privkey.pem"}
    folder.store(stable=stable, pending=None)
    home = folder.read()
    assert (home.by, home.on_trial) == (".storage/http", False)
    assert home.certificate is not None
    assert home.certificate.here == folder.certificate  # by its name: it is in a container
    assert folder.found()["HOME-10"].startswith("warning: Home Assistant ignores the http: block")
    folder.yaml(BLOCK.format("/config/gone.pem", "/config/privkey.pem"))
    assert folder.found()["HOME-10"].startswith("error: ")
    folder.yaml("")
    assert folder.found() == {}


def test_a_trial_counts_until_it_has_failed(tmp_path: Path) -> None:
    folder = Folder(tmp_path, "2026.11.0")
    pair = {"ssl_certificate": str(folder.certificate), "ssl_key": str(folder.key)}
    folder.store(stable={"server_port": 8123}, pending={**pair, "error": None})
    assert folder.read().on_trial
    folder.store(stable={"server_port": 8123}, pending={**pair, "error": "apply_failed"})
    assert folder.read().certificate is None


def test_a_path_out_of_sight_is_no_missing_file(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.yaml(BLOCK.format("/config/certificate.pem", "/certs/privkey.pem"))
    found = folder.found()
    assert set(found) == {"HOME-12"}
    assert "out of sight" in found["HOME-12"]


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="not the folder of a Home Assistant"):
        configured(tmp_path, read=Files().read)


# The files


def test_a_pair_as_secure_leaves_it_is_as_it_should_be(folder: Folder) -> None:
    assert folder.found(LEAF) == {}


@pytest.mark.parametrize("mode", [0o755, 0o644, 0o640, 0o604, 0o660, 0o602])
def test_a_key_that_others_can_read_or_change_is_an_error(folder: Folder, mode: int) -> None:
    folder.key.chmod(mode)
    found = folder.found()
    assert set(found) == {"HOME-04"}
    assert found["HOME-04"].startswith("error: ")
    assert f"mode {mode:o}" in found["HOME-04"]


def test_a_certificate_may_be_read_by_everybody_but_not_changed(folder: Folder) -> None:
    for mode in (0o644, 0o600, 0o640):
        folder.certificate.chmod(mode)
        assert folder.found() == {}
    for mode in (0o666, 0o664):
        folder.certificate.chmod(mode)
        assert set(folder.found()) == {"HOME-05"}


def test_a_folder_in_which_everybody_can_exchange_files_is_an_error(folder: Folder) -> None:
    folder.path.chmod(0o777)
    assert "every user can exchange" in folder.found()["HOME-05"]
    folder.path.chmod(0o1777)  # as /tmp: only one's own
    assert folder.found() == {}


def test_what_home_assistants_user_cannot_read_is_an_error(folder: Folder) -> None:
    require(os.geteuid() == 0, "giving files to other users takes root")
    for path in (*folder.path.rglob("*"), folder.path):
        os.chown(path, 4711, 4711)
    for above in folder.path.parents:
        if above.stat().st_mode & 0o077 == 0:
            above.chmod(0o711)
    assert folder.found() == {}
    os.chown(folder.key, 0, 0)
    assert "cannot be read by user 4711" in folder.found()["HOME-03"]
    os.chown(folder.key, 4712, 4712)
    assert {"HOME-03", "HOME-04"} <= set(folder.found())
    os.chown(folder.key, 4711, 4711)
    certs = folder.path / "certs"
    certs.mkdir(mode=0o700)
    folder.key = folder.key.rename(certs / "privkey.pem")
    folder.yaml(BLOCK.format(folder.certificate, folder.key))
    assert f"cannot enter {certs}" in folder.found()["HOME-03"]
    home = folder.read()
    assert mend(folder.pair(home), home, files=Files())
    assert folder.found() == {}


def test_files_that_are_not_there_or_are_none(folder: Folder) -> None:
    folder.certificate.unlink()
    assert "certificate.pem is not there" in folder.found()["HOME-01"]
    folder.certificate.mkdir()
    assert "not a regular file" in folder.found()["HOME-01"]


def test_a_name_without_pem_is_a_warning(folder: Folder) -> None:
    folder.key.rename(folder.path / "ha.key")
    folder.yaml(BLOCK.format(folder.certificate, folder.path / "ha.key"))
    assert folder.found()["HOME-02"].startswith("warning: the name of the key")


@pytest.mark.parametrize(
    ("data", "rule", "words"),
    [
        (PrivateKey.generate(KeyType.ECDSA_P256).to_pem().reveal(), "HOME-07", "do not belong"),
        (KEY.to_sealed_pem(Secret(b"secret")), "HOME-06", "locked with a passphrase"),
        (chain_to_pem((LEAF,)), "HOME-06", "this is a certificate, where a private key is meant"),
        (b"nonsense", "HOME-06", "not a private key"),
    ],
    ids=["another's", "locked", "a certificate", "nonsense"],
)
def test_a_key_that_home_assistant_cannot_use(
    folder: Folder, data: bytes, rule: str, words: str
) -> None:
    folder.key.write_bytes(data)
    found = folder.found()
    assert set(found) == {rule}
    assert words in found[rule]


def test_the_leaf_must_come_first(folder: Folder) -> None:
    folder.certificate.write_bytes(chain_to_pem((ISSUING, LEAF)))
    assert "the leaf must come first" in folder.found()["HOME-07"]


def test_what_runs_must_be_what_is_configured(folder: Folder) -> None:
    assert "presents another certificate" in folder.found(ISSUING)["HOME-08"]
    assert not is_emergency(ISSUING)


def test_the_end_of_the_certificate_is_told_in_time(folder: Folder) -> None:
    assert folder.found(after=timedelta(days=200)) == {}
    assert folder.found(after=timedelta(days=300))["HOME-11"].startswith("warning: ")
    assert folder.found(after=timedelta(days=400))["HOME-11"].startswith("error: ")


# Mending


def test_mending_puts_owners_and_modes_right_and_nothing_else(folder: Folder) -> None:
    before = {path: path.read_bytes() for path in (folder.key, folder.certificate)}
    folder.key.chmod(0o755)
    folder.certificate.chmod(0o666)
    folder.path.chmod(0o777)
    home = folder.read()
    done = mend(folder.pair(home), home, files=Files())
    assert len(done) == 3
    assert folder.found() == {}
    assert folder.key.stat().st_mode & 0o7777 == 0o600
    assert folder.certificate.stat().st_mode & 0o7777 == 0o644
    assert folder.path.stat().st_mode & 0o7777 == 0o775
    assert {path: path.read_bytes() for path in before} == before
    assert mend(folder.pair(home), home, files=Files()) == ()


def test_mending_leaves_a_stricter_mode_and_folders_outside_alone(
    folder: Folder, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    outside.chmod(0o777)
    key = folder.key.rename(outside / "privkey.pem")
    key.chmod(0o400)
    folder.yaml(BLOCK.format(folder.certificate, key))
    home = folder.read()
    assert mend(folder.pair(home), home, files=Files()) == ()
    assert key.stat().st_mode & 0o7777 == 0o400
    assert outside.stat().st_mode & 0o7777 == 0o777
    assert set(folder.found()) == {"HOME-05"}


@pytest.mark.parametrize(
    ("mode", "owner", "user", "may"),
    [
        (0o600, Owner(1, 1), Owner(1, 1), True),
        (0o600, Owner(2, 2), Owner(1, 1), False),
        (0o640, Owner(2, 1), Owner(1, 1), True),
        (0o604, Owner(2, 2), Owner(1, 1), True),
        (0o044, Owner(1, 1), Owner(1, 1), False),  # the owner's own bits decide, not the rest
        (0o000, Owner(2, 2), Owner(0, 0), True),
    ],
)
def test_who_may_read_is_decided_as_the_system_does(
    mode: int, owner: Owner, user: Owner, may: bool
) -> None:
    assert Status(mode, owner).lets(user, frozenset({user.gid}), 4) is may


def test_findings_come_worst_first(folder: Folder) -> None:
    folder.key.chmod(0o644)
    home = replace(folder.read(), stale=(folder.path / "configuration.yaml",))
    found = examine(home, folder.pair(home), None, now=NOW)
    assert [each.severity for each in found] == [Severity.ERROR, Severity.WARNING]
