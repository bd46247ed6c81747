"""The DNS providers are lexicon's own, asked from it: all of them can be described and set up."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from argparse import ArgumentParser
from importlib.metadata import requires

import pytest
from lexicon._private.discovery import find_providers, load_provider_module
from lexicon.config import ConfigResolver

from housekey.errors import ProviderRefused
from housekey.pki.secret import Secret
from housekey.public import providers
from housekey.public.credentials import from_environment, variables_of
from housekey.public.fields import OURS

INSTALLED = [name for name, there in find_providers().items() if there and name != "auto"]
LACKING = [name for name, there in find_providers().items() if not there]


def test_all_that_lexicon_offers_are_there_by_name() -> None:
    assert providers.names() == tuple(sorted(INSTALLED + LACKING))
    popular = {"duckdns", "ddns", "cloudflare", "hetzner", "route53", "gandi", "ovh"}
    assert popular <= set(providers.names())


def test_what_each_needs_is_known() -> None:
    for name in INSTALLED:
        described = providers.provider(name)
        assert described.asked, f"nothing to sign in with: {name}"
        assert len({option.name for option in described.options}) == len(described.options)
        with pytest.raises(ProviderRefused, match="needs credentials"):
            described.must_be_given({})


def test_what_homes_use_is_told_in_our_words_and_wholly() -> None:
    for name, words in OURS.items():
        if name in LACKING:  # it tells its options all the same
            parser = ArgumentParser(add_help=False)
            load_provider_module(name).Provider.configure_parser(parser)
            assert words.keys() == {each.dest for each in parser._actions}
            continue
        described = providers.provider(name)
        assert words.keys() == {option.name for option in described.asked}, name
        assert {option.name: option.help for option in described.asked} == words


def test_lexicon_takes_what_is_given_by_the_names_that_are_told() -> None:
    """Each option arrives where the provider looks for it, as on lexicon's own command line."""
    for name in INSTALLED:
        described = providers.provider(name)
        given = {each.name: Secret(b"7") for each in described.asked if each.convert is str}
        settings = {"provider_name": name, name: described.configuration(given)}
        resolver = ConfigResolver().with_dict(settings)  # type: ignore[no-untyped-call]
        for option in given:
            assert resolver.resolve(f"lexicon:{name}:{option}") == "7"


def test_the_environment_is_read_as_lexicon_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, number in itertools.product(INSTALLED, (0, -1)):
        described = providers.provider(name)
        environ = {
            variables_of(described, option)[number]: f"value of {option.name}"
            for option in described.options
        }
        with monkeypatch.context() as patched:
            for variable, value in environ.items():
                patched.setenv(variable, value)
            resolver = ConfigResolver().with_env()  # type: ignore[no-untyped-call]
            theirs = {
                option.name: resolver.resolve(f"lexicon:{name}:{option.name}")
                for option in described.options
            }
        ours = from_environment(described, environ)
        assert {key: secret.reveal().decode() for key, secret in ours.items()} == theirs


@pytest.mark.parametrize("name", LACKING)
def test_one_that_lacks_a_package_says_which(name: str) -> None:
    with pytest.raises(ProviderRefused) as refused:
        providers.provider(name)
    lacking = refused.value.message.rpartition(": ")[2]
    extras = [
        each for each in requires("dns-lexicon") or () if f"'{name}'" in each.replace('"', "'")
    ]
    assert any(each.startswith(lacking) for each in extras)
    assert refused.value.hint == f"install it beside housekey: pip install 'dns-lexicon[{name}]'"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("dukdns", "duckdns"), ("Cloudflare", "cloudflare"), ("hetzner-dns", "hetzner")],
)
def test_a_typing_error_is_told_with_what_may_be_meant(typed: str, meant: str) -> None:
    with pytest.raises(ProviderRefused) as refused:
        providers.provider(typed)
    assert refused.value.message == f"there is no DNS provider called {typed!r}"
    assert refused.value.hint.startswith("did you mean ")
    assert meant in refused.value.hint
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("name", ["zzzzzzzzzz", "", "../duckdns", "base", "__init__", "os"])
def test_anything_else_is_told_with_all_that_there_are(name: str) -> None:
    with pytest.raises(ProviderRefused) as refused:
        providers.provider(name)
    assert "did you mean" in refused.value.hint or "duckdns, dynu" in refused.value.hint


def test_an_option_that_is_no_number_or_no_choice_is_told_without_its_value() -> None:
    rackspace = providers.provider("rackspace")
    assert rackspace.configuration({})["sleep_time"] == 1
    assert rackspace.configuration({"sleep_time": Secret(b"2.5")})["sleep_time"] == 2.5
    for name, option in (("rackspace", "sleep_time"), ("ovh", "auth_entrypoint")):
        with pytest.raises(ProviderRefused) as refused:
            providers.provider(name).configuration({option: Secret(b"hush-hush")})
        assert option in refused.value.message
        assert "hush-hush" not in refused.value.message + refused.value.hint


def test_a_flag_is_on_or_off() -> None:
    namecheap = providers.provider("namecheap")
    for value, meant in ((b"true", True), (b"1", True), (b"no", False), (b"", False)):
        assert namecheap.configuration({"auth_sandbox": Secret(value)})["auth_sandbox"] is meant


def test_nothing_of_this_is_loaded_before_it_is_needed() -> None:
    """`status` and a start of Home Assistant come by this room, and make no order."""
    code = (
        "import json, sys\n"
        "import housekey.public.records, housekey.public.credentials, housekey.public.rebinding\n"
        "import housekey.public.duckdns, housekey.public.providers\n"
        "print(json.dumps(sorted(name.partition('.')[0] for name in sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ}, capture_output=True, check=True
    )
    heavy = {"lexicon", "dns", "requests", "acme", "josepy", "urllib3", "tldextract"}
    assert set(json.loads(done.stdout)) & heavy == set()
