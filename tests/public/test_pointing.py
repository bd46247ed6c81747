"""`housekey secure --public NAME.duckdns.org --point …`: the whole command, in a home of its own.

The home is a network namespace with a private address and a public one. In it are the command
line, knot, Pebble, dnsmasq as the router, and stand-ins for Home Assistant and for DuckDNS, which
lexicon's real provider asks over https at its real address.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from housekey.homeassistant.roads import QUESTIONS
from housekey.public.rebinding import exceptions_for
from tests.command import COMMAND, environment
from tests.homes.own_network import give_address, own_network
from tests.public.dnsmasq import Dnsmasq
from tests.public.duckdns_stand_in import HOST, DuckDnsStandIn, duckdns_certificate
from tests.public.knot import free_address
from tests.public.owner import owner_in
from tests.public.pebble import TERMS
from tests.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.command import Done
    from tests.public.owner import Owner

NAME, OTHER = "myhome.duckdns.org", "garden.duckdns.org"
TOKEN = "a7c4d0ad-114e-40ef-ba1d-d217904a50f2"
PRIVATE, PUBLIC = "192.168.7.20", "203.0.113.7"


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    """Somebody whose machine has both addresses, and whose names lead nowhere yet."""
    with own_network():
        for number, address in enumerate((PRIVATE, PUBLIC), 1):
            give_address(address, number=number)
        with owner_in(tmp_path, zones={"duckdns.org": ""}, listens_at="0.0.0.0") as made:
            yield made


@pytest.fixture
def duckdns(owner: Owner) -> Iterator[DuckDnsStandIn]:
    pair, address = duckdns_certificate(owner.folder), free_address()
    owner.dns.set_address(HOST, address)
    credentials = owner.folder / "duckdns.ini"
    credentials.touch(mode=0o600)
    credentials.write_text(f"{TOKEN}\n")
    names = tuple(each.partition(".")[0] for each in (NAME, OTHER))
    with DuckDnsStandIn(
        TOKEN, names, dns=owner.dns, address=address, port=443, certificate=pair, seen_from=PUBLIC
    ) as started:
        yield started


def secure(owner: Owner, *more: str, names: tuple[str, ...] = (NAME,), **how: object) -> Done:
    """Run `housekey secure` with names of DuckDNS."""
    named = [part for name in names for part in ("--public", name)]
    given = ("--dns", "duckdns", "--dns-credentials", owner.folder / "duckdns.ini")
    env = {"REQUESTS_CA_BUNDLE": str(owner.folder / "certificate.pem")}
    return owner.about_home(
        "secure", *named, *given, *owner.by_the_ca, *more, **{"env": env, **how}
    )


def pointed(duckdns: DuckDnsStandIn) -> list[tuple[str, str]]:
    """Which names were led where."""
    return [(each["domains"], each["ip"]) for each in duckdns.requests if "ip" in each]


def test_names_are_led_home_and_end_on_https(owner: Owner, duckdns: DuckDnsStandIn) -> None:
    below = f"ha.{NAME}"

    done = secure(owner, "--point", "private", names=(below, NAME, OTHER))

    assert done.code == 0, done
    assert pointed(duckdns) == [("myhome", PRIVATE), ("garden", PRIVATE)]
    assert done.json["proven"] == dict.fromkeys((below, NAME, OTHER), True)
    assert done.json["home_assistant"]["url"].startswith("https://")
    assert owner.names_presented == {below, NAME, OTHER}
    assert owner.ca.orders == 1
    assert owner.urls == {
        "internal_url": f"https://{below}:{owner.home.port}",
        "external_url": None,
    }
    assert not owner.dns.lookup(f"_acme-challenge.{NAME}")
    assert TOKEN not in done.out + done.err
    kept = json.loads((owner.house / "public" / "dns.json").read_text())
    assert kept["providers"] == {"duckdns": {"auth_token": TOKEN}}

    # Its renewal asks nobody for anything, and leads the names nowhere else.
    env = {"REQUESTS_CA_BUNDLE": str(owner.folder / "certificate.pem")}
    renewed = owner.about_home("renew", "--all", "--now", env=env)
    assert renewed.code == 0, renewed
    assert owner.ca.certificates == 2
    assert len(pointed(duckdns)) == 2


def test_a_name_is_led_to_the_address_that_the_internet_sees(
    owner: Owner, duckdns: DuckDnsStandIn
) -> None:
    dry = secure(owner, "--point", "public", "--dry-run")
    assert dry.code == 0, dry
    first, *_ = dry.json["would"]
    assert first == f"let {NAME} lead to Home Assistant, at the address that the internet sees"
    assert pointed(duckdns) == []

    done = secure(owner, "--point", "public", as_json=False)

    assert done.code == 0, done
    assert pointed(duckdns) == [("myhome", "")]
    assert owner.dns.lookup(NAME, "A") == (PUBLIC,)
    assert f"points    {NAME} leads to this home's public address, as DuckDNS sees it" in done.out
    assert owner.names_presented == {NAME}
    url = f"https://{NAME}:{owner.home.port}"
    assert owner.urls == {"internal_url": url, "external_url": url}


def test_an_address_where_nobody_answers_is_found_out_before_anything_is_ordered(
    owner: Owner, duckdns: DuckDnsStandIn
) -> None:
    duckdns.seen_from = "198.51.100.7"  # what a provider has for many of its customers at once

    elsewhere = secure(owner, "--point", "public")

    assert elsewhere.code == 3, elsewhere
    assert owner.ca.orders == 0
    told = elsewhere.json["error"]
    assert told["message"].startswith(f"{NAME} leads to 198.51.100.7, where nothing answers")
    assert "--point private" in told["hint"]


def test_a_router_that_hides_the_name_is_told_of_with_what_to_do(
    owner: Owner, duckdns: DuckDnsStandIn
) -> None:
    with Dnsmasq(owner.dns, filters=True) as router:
        hidden = secure(owner, "--point", "private", resolver=router, as_json=False)

    assert hidden.code == 3, hidden
    assert (owner.ca.orders, owner.home.starts) == (0, 1)
    error, hint = hidden.err.splitlines()
    assert error == (
        f"error: the DNS in this network holds back {PRIVATE}, which {NAME} leads to:"
        " at home the name will not work"
    )
    assert hint.startswith(f"hint: allow {NAME} in the router")
    # What to do in each router, once.
    told = hidden.out.splitlines()
    for system, how in exceptions_for(NAME):
        assert [line.strip() for line in told].count(f"{system}: {how}") == 1
    assert "heads up" not in hidden.out

    # As it was told, in the words of dnsmasq itself.
    with Dnsmasq(owner.dns, filters=True, allowed=NAME) as router:
        done = secure(owner, "--point", "private", resolver=router, as_json=False)
    assert done.code == 0, done
    assert "heads up" not in done.out
    assert f"points    {NAME} leads to {PRIVATE}" in done.out

    # It works on, by an entry in this computer's own list, say; but the others are warned of.
    hosts = owner.folder / "hosts"
    hosts.write_text(f"{PRIVATE} {NAME}\n")
    with Dnsmasq(owner.dns, filters=True) as router:
        again = secure(
            owner, "--point", "private", begin=with_hosts(hosts), resolver=router, as_json=False
        )
    assert again.code == 0, again
    assert again.out.count("at home the name will not work") == 1
    assert f"dnsmasq: rebind-domain-ok={NAME}" in again.out


def test_who_answers_three_questions_ends_on_https_under_a_public_name(
    owner: Owner, duckdns: DuckDnsStandIn
) -> None:
    """Nothing is said on the command line but which Home Assistant, and where the house goes.

    Let's Encrypt cannot be asked here: Pebble is taken for it, and its root for one that this
    machine came with.
    """
    at = ("--config", str(owner.home.folder), "--token-file", str(owner.folder / "token"))
    command = (sys.executable, "-W", "error", "-c", _FOR_LETS_ENCRYPT, owner.ca.directory)
    env = environment(
        TERM="dumb",
        COLUMNS="100",
        SSL_CERT_FILE=str(owner.folder / "ca.pem"),
        REQUESTS_CA_BUNDLE=str(owner.folder / "certificate.pem"),
    )
    begin = owner.dns.seen_by(*command, "secure", *at, "--house", str(owner.house))
    with Terminal(begin, env=env) as terminal:
        for question, said in zip(QUESTIONS, "nny", strict=True):
            terminal.expect(f"{question} [y/n]: ")
            terminal.type(said)
        terminal.expect("advice    a public name")
        terminal.expect("Which road do you take? [2]: ")
        terminal.type("")
        terminal.expect("Your name, such as myhome.duckdns.org: ")
        terminal.type(NAME)
        terminal.expect("Shall it lead to Home Assistant's address at home from now on? [y/n]: ")
        terminal.type("y")
        terminal.expect("What you type is not shown")
        terminal.expect("duckdns: auth_token (")
        terminal.expect("): ")
        terminal.type(TOKEN)
        terminal.expect(TERMS)
        terminal.expect("Have you read them, and do you agree? [y/N]: ")
        assert owner.ca.accounts == 0
        terminal.type("y")
        terminal.expect("Have you written it down? [y/N]: ")
        terminal.type("y")
        assert terminal.wait() == 0, terminal.said
    owner.home.settle()
    assert TOKEN not in terminal.said
    assert "kept      promoted; internal URL is now https://myhome.duckdns.org" in terminal.said
    assert "next      nothing on any device" in terminal.said
    assert owner.names_presented == {NAME}
    assert pointed(duckdns) == [("myhome", PRIVATE)]


_FOR_LETS_ENCRYPT = """
import sys
from housekey.cli.secure import public
public.LETS_ENCRYPT = sys.argv.pop(1)
from housekey.cli.main import run
sys.argv[0] = "housekey"
run()
"""


def with_hosts(hosts: Path) -> tuple[str, ...]:
    """What runs the command with another /etc/hosts."""
    mount = 'mount --bind "$1" /etc/hosts; shift; exec "$@"'
    return ("/bin/sh", "-euc", mount, "sh", str(hosts), *COMMAND)
