"""Trust by the public roots, without `--acme-root`: as with Let's Encrypt.

Pebble's roots lie in the list of roots that OpenSSL reads in a process (SSL_CERT_FILE). That is
what stands in for a machine which came with Let's Encrypt's root; the rest is as it will be there.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.public.owner import owner_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.command import Done
    from tests.public.owner import Owner

NAME = "ha.example.org"
_NOTHING_TO_DO = "for it, nothing has to be installed on any"


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    with owner_in(tmp_path, zones={"example.org": "ha A 127.0.0.1"}) as made:
        yield made


def test_a_whole_life_under_a_public_root_asks_nobody_for_a_root(owner: Owner) -> None:
    """From http to https, looked at, renewed, handed to nobody, and undone."""
    env = {"SSL_CERT_FILE": str(owner.folder / "ca.pem")}
    words: list[str | Path] = ["--public", NAME, "--dns", "ddns"]
    words += ["--dns-credentials", owner.folder / "dns.ini"]
    words += ["--acme-directory", owner.ca.directory, "--agree-tos"]

    def run(*command: str | Path) -> Done:
        done = owner.run(*command, env=env, as_json=False)
        assert "devices have to trust" not in done.out
        assert "every device has to trust" not in done.out
        return done

    # Where the CA's root is none of those that this machine came with, nothing is asked of it.
    unknown = owner.about_home("secure", *words, as_json=False)
    assert (unknown.code, owner.ca.accounts) == (3, 0), unknown
    assert "is not trusted here" in unknown.err

    done = owner.about_home("secure", *words, env=env, as_json=False)
    assert done.code == 0, done
    assert "proven    handshake verified on 1 of 1 names; signed in over HTTPS" in done.out
    assert "next      nothing on any device; to renew it by itself: housekey run" in done.out
    settled = json.loads((owner.house / "road.json").read_text())
    assert settled["roots"] == ""
    assert owner.urls["internal_url"] == f"https://{NAME}:{owner.home.port}"
    first = owner.presented

    status = run("status")
    assert status.code == 0, status
    assert f"a public name: {NAME}; every device trusts it" in status.out
    checked = run("check", f"{NAME}:{owner.home.port}")
    assert checked.code == 0, checked
    assert "of a public CA, which devices come with" in checked.out
    assert "rejected" not in checked.out

    # The root of the house is for other things, and whoever hands it out is told so.
    shared = run("share", "--bind", "203.0.113.7")  # nobody has that address
    assert _NOTHING_TO_DO in shared.out
    trusted = run("trust", "--dry-run")
    assert trusted.code == 0, trusted
    assert _NOTHING_TO_DO in trusted.out

    again = owner.about_home("secure", env=env)
    assert (again.code, again.json["changed"], owner.ca.orders) == (0, False, 1), again
    renewed = owner.about_home("renew", "--all", "--now", env=env)
    assert renewed.code == 0, renewed
    assert owner.presented != first
    assert owner.presented.issuer == first.issuer
    assert run("status").code == 0

    # To the house's own root, and by the name alone back: the house knows the rest.
    assert owner.about_home("secure", "--private", env=env).code == 0
    back = owner.about_home("secure", "--public", NAME, *words[6:], env=env)
    assert back.code == 0, back
    assert owner.presented.issuer == first.issuer
    assert owner.ca.orders == 2

    undone = owner.about_home("undo", env=env)
    assert undone.code == 0, undone
    assert owner.home.active == "stable"
    assert not (owner.house / "road.json").exists()
    assert _NOTHING_TO_DO not in run("trust", "--dry-run").out
