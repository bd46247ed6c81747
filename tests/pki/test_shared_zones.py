"""Which names belong to more than one home."""

from __future__ import annotations

import pytest

from housekey.pki.shared_zones import is_registry, shared_by_many


@pytest.mark.parametrize(
    "name",
    [
        "zuerich", "xn--p1ai", "kyoto.jp", "za", "co.za", "anything.ck",
        "quickconnect.to", "dyn.ddnss.de", "tailscale.net", "github.io",
    ],
)  # fmt: skip
def test_a_zone_that_only_the_whole_list_knows_is_shared(name: str) -> None:
    assert shared_by_many(name)


@pytest.mark.parametrize("name", ["home.arpa", "lan", "local", "internal", "ha", "pi", "www.ck"])
def test_a_zone_of_one_home_is_not(name: str) -> None:
    assert shared_by_many(name) is None


@pytest.mark.parametrize(
    ("name", "registry", "if_unknown_do_not_count"),
    [
        ("com", True, True),
        ("co.uk", True, True),
        ("home.arpa", True, True),
        ("lan", True, False),
        ("internal", True, False),
        ("home.lan", False, False),
        ("duckdns.org", False, False),  # a shared zone, and no registry
        ("example.org", False, False),
    ],
)
def test_a_registry_is_what_browsers_take_for_one(
    name: str, registry: bool, if_unknown_do_not_count: bool
) -> None:
    """CHR-03: wildcards right below these are refused."""
    assert is_registry(name) is registry
    assert is_registry(name, unknown=False) is if_unknown_do_not_count
