"""A public name on real Home Assistants, with a real DNS server and Let's Encrypt's own test CA."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.homes.looks import presented, state_of
from tests.homes.public import NAME, public_owner
from tests.inside.integration import added, give

if TYPE_CHECKING:
    from pathlib import Path

    from demo.api import Api
    from tests.conftest import NewHome
    from tests.homes.home import Home
    from tests.homes.public import PublicOwner

# Of each TLS connection aiohttp leaves the goodbye to a loop that has ended already.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def seen(home: Home, owner: PublicOwner) -> str:
    """What a device that trusts the CA alone is shown under the name."""
    return presented(home, owner.root, NAME, host="127.0.0.1")


def api(home: Home) -> Api:
    return home.api(scheme="https")


def urls(api: Api) -> dict[str, str | None]:
    config = api.get("/api/config")
    return {each: config[each] for each in ("internal_url", "external_url")}


def modes(house: Path) -> dict[str, int]:
    """The files of this road in the house, by their modes."""
    return {
        path.relative_to(house).as_posix(): path.stat().st_mode & 0o777
        for path in sorted((house / "public").rglob("*"))
        if path.is_file()
    }


def test_plain_http_becomes_https_that_every_device_trusts_renews_and_goes_back_byte_for_byte(
    home_2026_7: NewHome, tmp_path: Path
) -> None:
    home = home_2026_7()
    plain = f"http://{NAME}:{home.port}"
    home.api().command("config/core/update", external_url=plain)
    before = state_of(home)
    with public_owner(home, tmp_path / "owner") as owner:
        # A dry run asks nobody for anything.
        dry = owner.secure("--dry-run")
        assert dry.code == 0, dry
        assert any("get a certificate from" in each for each in dry.json["would"])
        assert (owner.ca.orders, owner.ca.accounts, owner.house.exists()) == (0, 0, False)

        done = owner.secure()
        assert done.code == 0, done
        told = done.json
        assert (told["names"], told["proven"]) == ([NAME], {NAME: True})
        assert told["signed_in"] is True
        first = told["certificate"]["sha256"]
        assert seen(home, owner) == first
        home.wait_until_running(scheme="https")
        url = f"https://{NAME}:{home.port}"
        assert urls(api(home)) == {"internal_url": url, "external_url": url}
        assert modes(owner.house) == dict.fromkeys(
            ("public/account.json", "public/account.key", "public/dns.json"), 0o600
        )
        assert owner.ca.orders == 1
        assert not owner.dns.lookup(f"_acme-challenge.{NAME}")

        again = owner.run("secure")
        assert (again.code, again.json["changed"], owner.ca.orders) == (0, False, 1), again

        # A renewal orders, keeps the key, and restarts; the old one is served until then.
        key = (home.config / "privkey.pem").read_bytes()
        renewed = owner.run("renew", "--all", "--now")
        assert renewed.code == 0, renewed
        item = renewed.json["certificates"][0]
        assert (item["became"], item["way"]) == ("renewed", "restart")
        assert seen(home, owner) == item["sha256"] != first
        assert (home.config / "privkey.pem").read_bytes() == key
        assert owner.ca.orders == 2

        # A CA that is not there: loud, and nothing else.
        owner.ca.die()
        failed = owner.run("renew", "--all", "--now")
        assert failed.code == 1, failed
        assert "does not answer" in failed.json["certificates"][0]["error"]["message"]
        assert seen(home, owner) == item["sha256"]

        undone = owner.run("undo")
        assert undone.code == 0, undone
        home.wait_until_running(scheme="http")
        assert state_of(home) == before
        assert urls(home.api()) == {"internal_url": before.internal_url, "external_url": plain}
        left = owner.housekey("status", "--house", owner.house, "--json")
        assert (left.code, left.json["road"]) == (0, "private"), left


def test_it_is_renewed_live_through_the_integration_and_the_road_changes_both_ways(
    home_2026_11: NewHome, tmp_path: Path
) -> None:
    home = home_2026_11(start=False)
    give(home)
    home.start()
    added(home.api(), port=home.port)
    before = state_of(home)
    with public_owner(home, tmp_path / "owner") as owner:
        done = owner.secure()
        assert done.code == 0, done
        assert seen(home, owner) == done.json["certificate"]["sha256"]
        home.wait_until_running(scheme="https")
        assert urls(api(home))["internal_url"] == f"https://{NAME}:{home.port}"

        starts = home.starts
        renewed = owner.run("renew", "--all")
        assert renewed.code == 0, renewed
        item = renewed.json["certificates"][-1]
        assert (item["became"], item["way"]) == ("renewed", "live"), item
        assert seen(home, owner) == item["sha256"]
        assert home.starts == starts

        back = owner.run("secure", "--private")
        assert back.code == 0, back
        assert not (owner.house / "road.json").exists()
        assert presented(home, owner.house / "root.pem") == back.json["certificate"]["sha256"]
        orders = owner.ca.orders
        home.wait_until_running(scheme="https")

        # And to the name again: what was obtained is still good, and is not ordered again.
        again = owner.secure()
        assert again.code == 0, again
        assert seen(home, owner) == item["sha256"]
        assert owner.ca.orders == orders

        assert owner.run("undo").code == 0
        home.wait_until_running(scheme="http")
        assert state_of(home) == before
