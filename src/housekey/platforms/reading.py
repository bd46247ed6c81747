"""How parsers read what is odd: each function turns facts into what one of them takes them for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from housekey.platforms.facts import BasicConstraints

if TYPE_CHECKING:
    from housekey.platforms.facts import Facts


def without_extensions_before_version_3(facts: Facts) -> Facts:
    """Extensions in a certificate of version 1 or 2 are passed over."""
    if facts.version >= 3 or not facts.extensions:
        return facts
    return replace(
        facts,
        extensions=(),
        malformed=(),
        trailing=(),
        basic_constraints=None,
        key_usage=None,
        extended_key_usage=None,
        subject_key_id=None,
        authority_key=None,
        san=None,
        name_constraints=None,
        must_staple=False,
    )


def empty_extended_usage_is_none(facts: Facts) -> Facts:
    """An extendedKeyUsage without a usage is as good as no extendedKeyUsage."""
    return replace(facts, extended_key_usage=None) if facts.extended_key_usage == () else facts


def empty_key_usage_is_none(facts: Facts) -> Facts:
    """A keyUsage without a bit is as good as no keyUsage."""
    empty = facts.key_usage is not None and not facts.key_usage
    return replace(facts, key_usage=None) if empty else facts


def negative_path_length_is_none(facts: Facts) -> Facts:
    """A pathLen below zero limits nothing."""
    found = facts.basic_constraints
    if found is None or found.path_length is None or found.path_length >= 0:
        return facts
    return replace(facts, basic_constraints=BasicConstraints(found.ca, None))
