"""A CA of one's own on real Home Assistants: request, signature, HTTPS, renewal, undo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from housekey.pki.encoding import certificate_from_pem, fingerprint
from tests.command import Owner, housekey
from tests.homes.looks import contents, presented, state_of
from tests.needs import require
from tests.own.authorities import (
    EASYRSA,
    Signed,
    by_easyrsa,
    by_openssl,
    sign_again,
    sign_again_by_easyrsa,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import NewHome


@dataclass(frozen=True)
class Authority:
    """A CA that somebody has; `forced` is what has to be said of its root, once."""

    sign: Callable[[Path, Path], Signed]
    again: Callable[[Signed, Path], Path]
    forced: tuple[str, ...] = ()


OPENSSL = Authority(by_openssl, sign_again)
# The basicConstraints of its root are not critical, which strict programs refuse.
EASY_RSA = Authority(by_easyrsa, sign_again_by_easyrsa, ("--force",))


@pytest.mark.parametrize(
    ("release", "authority"),
    [("2026.7.4", EASY_RSA), ("2026.11.0", OPENSSL)],
    ids=["2026.7.4-easy-rsa", "2026.11.0-openssl"],
)
def test_a_home_assistant_ends_on_https_with_what_an_own_ca_signed_and_goes_back(
    home_2026_7: NewHome,
    home_2026_11: NewHome,
    release: str,
    authority: Authority,
    tmp_path: Path,
) -> None:
    """Both ways of being configured, and two of the CAs that people have."""
    if authority is EASY_RSA:
        require(Path(EASYRSA).exists(), "easy-rsa is not installed")
    home = (home_2026_7 if release == "2026.7.4" else home_2026_11)()
    owner = Owner.of(home, tmp_path)
    before = state_of(home)
    csr = tmp_path / "home-assistant.csr"

    asked = owner.secure("--csr", csr)

    assert asked.code == 0, asked
    assert asked.json["new_key"] is True
    assert state_of(home) == before
    signed = authority.sign(tmp_path / "ca", csr)
    stranger = by_openssl(tmp_path / "stranger", another_request(tmp_path))
    wrong = owner.secure("--install", stranger.leaf, *stranger.between, stranger.root)
    assert wrong.code == 3
    assert "is for a key of this house" in wrong.json["error"]["message"]
    assert state_of(home) == before

    done = owner.secure("--install", signed.root, *signed.between, signed.leaf, *authority.forced)

    assert done.code == 0, done
    leaf = certificate_from_pem(signed.leaf.read_bytes())
    assert done.json["kept"] is True
    assert done.json["signed_in"] is True
    assert set(done.json["names"]) == set(asked.json["names"])
    assert presented(home, signed.root) == fingerprint(leaf)
    home.wait_until_running(scheme="https")
    config = home.api(scheme="https", root=signed.root).get("/api/config")
    assert config["internal_url"].startswith("https://")

    # Once more, with the same key: the file takes the place of the old one. What was let pass of
    # the root is not asked about again.
    again = owner.secure("--csr", csr)
    second = authority.again(signed, csr)
    renewed = owner.secure("--install", second, *signed.between)

    assert again.json["new_key"] is False
    assert renewed.code == 0, renewed
    assert renewed.json["certificate"]["path"] == done.json["certificate"]["path"]
    assert presented(home, signed.root) == renewed.json["certificate"]["sha256"]
    assert presented(home, signed.root) != fingerprint(leaf)

    undone = owner.undo()

    assert undone.code == 0, undone
    home.wait_until_running(scheme="http")
    assert contents(home) == before.files
    assert state_of(home) == before
    assert not (owner.house / "road.json").exists()


def another_request(folder: Path) -> Path:
    """Return a request whose key nobody here has."""
    path = folder / "another.csr"
    made = housekey("pem", "csr", "ha.lan", "--key-out", folder / "another.key", "--out", path)
    assert made.code == 0, made
    return path
