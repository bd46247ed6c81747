"""`housekey secure` and `housekey undo` on real Home Assistants, through the command line."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from housekey.pki.encoding import certificates_from_pem, fingerprint
from tests.command import Owner
from tests.homes.looks import contents, presented

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import NewHome


@pytest.fixture
def owner(any_home: NewHome, tmp_path: Path) -> Owner:
    """Somebody with a Home Assistant, of each of the three releases in turn."""
    return Owner.of(any_home(), tmp_path)


def test_plain_http_becomes_https_proven_from_outside_and_undo_brings_it_back(owner: Owner) -> None:
    home = owner.home
    before = contents(home)
    url_before = home.api().get("/api/config")["internal_url"]

    done = owner.secure()

    assert done.code == 0, done
    told = done.json
    root = owner.house / "root.pem"
    assert told["kept"] is True
    assert told["signed_in"] is True
    assert told["home_assistant"]["version"] == home.version
    assert told["home_assistant"]["config_dir"] == str(home.config)
    assert set(told["proven"]) == set(told["names"])
    assert told["proven"]["localhost"] is True
    assert told["proven"]["127.0.0.1"] is True
    assert False not in told["proven"].values()
    assert told["recovery_code"]
    # From outside, by nothing that housekey wrote.
    assert presented(home, root) == told["certificate"]["sha256"]
    assert presented(home, root, "127.0.0.1") == told["certificate"]["sha256"]
    assert home.scheme() == "https"
    home.wait_until_running(scheme="https")
    config = home.api(scheme="https", root=root).get("/api/config")
    assert config["internal_url"].startswith("https://")
    # The files, for Home Assistant and for nobody else.
    certificate, key = home.config / "certificate.pem", home.config / "privkey.pem"
    assert told["certificate"]["path"] == str(certificate)
    leaf, _issuing = certificates_from_pem(certificate.read_bytes())
    assert fingerprint(leaf) == told["certificate"]["sha256"]
    assert {"C=NL", "O=Test Home"} < set(leaf.subject.rfc4514_string().split(","))
    assert certificate.stat().st_mode & 0o777 == 0o644
    assert key.stat().st_mode & 0o777 == 0o600

    undone = owner.undo()

    assert undone.code == 0, undone
    assert home.scheme() == "http"
    home.wait_until_running(scheme="http")
    assert contents(home) == before
    assert home.api().get("/api/config")["internal_url"] == url_before
    assert root.exists()
    # And it stays so when it is started again.
    home.kill()
    home.start()
    assert home.scheme() == "http"


def test_a_second_run_changes_nothing_and_says_so(owner: Owner) -> None:
    first = owner.secure().json
    starts, before = owner.home.starts, contents(owner.home)

    again = owner.secure()

    assert again.code == 0, again
    assert again.json["changed"] is False
    assert again.json["kept"] is True
    assert again.json["certificate"] == first["certificate"]
    assert again.json["proven"] == first["proven"]
    assert "recovery_code" not in again.json
    assert owner.home.starts == starts
    assert contents(owner.home) == before


def test_a_new_name_leads_to_a_new_leaf_under_the_same_root(owner: Owner) -> None:
    first = owner.secure().json
    root = (owner.house / "root.pem").read_bytes()

    more = owner.secure("--name", "tablet.lan")

    assert more.code == 0, more
    assert more.json["certificate"]["path"] == first["certificate"]["path"]
    assert "tablet.lan" in more.json["names"]
    assert more.json["proven"]["tablet.lan"] is None  # nobody here knows the name
    assert (owner.house / "root.pem").read_bytes() == root
    sha256 = presented(owner.home, owner.house / "root.pem")
    assert sha256 == more.json["certificate"]["sha256"] != first["certificate"]["sha256"]
    # Said once, it is not forgotten.
    assert "tablet.lan" in owner.secure().json["names"]
    assert owner.undo().code == 0
    assert owner.home.scheme() == "http"


def test_a_dry_run_changes_nothing_at_all(owner: Owner) -> None:
    before, starts = contents(owner.home), owner.home.starts

    done = owner.secure("--dry-run")

    assert done.code == 0, done
    assert done.json["dry_run"] is True
    assert done.json["would"]
    assert "recovery_code" not in done.json
    assert contents(owner.home) == before
    assert not owner.house.exists()
    assert owner.home.starts == starts
    assert owner.home.scheme() == "http"


def test_a_dry_run_says_what_would_stand_in_the_way(owner: Owner) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = owner.secure("--dry-run", "--port", str(port))
    assert done.code == 3, done
    assert f"port {port} is taken by another program" in done.err

    nowhere = owner.home.config / "nowhere"
    done = owner.secure("--dry-run", "--cert-path", nowhere / "certificate.pem")

    assert done.code == 3, done
    assert f"{nowhere}: the file or its folder is not there" in done.err
    assert not nowhere.exists()
