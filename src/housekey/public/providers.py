"""The DNS providers, by lexicon's names: which there are, and what each one needs to know.

Nothing is listed here: providers, their options and the packages that some need are asked from
lexicon; only what an option is for, `fields` may tell better. Lexicon has no public way to ask,
only its own command line; what that uses is used here, and in no other module.
"""

from __future__ import annotations

import logging
import re
from argparse import ArgumentParser
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any

from housekey.errors import ProviderRefused
from housekey.public.fields import OURS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lexicon.interfaces import Provider as LexiconProvider

    from housekey.pki.secret import Secret

DISTRIBUTION = "dns-lexicon"
# It finds out who hosts a zone by running a program, and has no credentials of its own.
_NOT_OFFERED = frozenset(("auto",))
_NOWHERE = logging.NullHandler()
_YES = frozenset(("1", "true", "yes", "on"))


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that a provider has to be told."""

    name: str  # as lexicon calls it: "auth_token"
    help: str  # in our words (fields.py), or else lexicon's
    is_flag: bool = False
    default: Any = None
    convert: Callable[[str], Any] = field(default=str, repr=False)

    def value_of(self, secret: Secret) -> Any:
        """Return it as lexicon takes it. Raises `ValueError`."""
        text = secret.reveal().decode()
        return text.strip().lower() in _YES if self.is_flag else self.convert(text)


@dataclass(frozen=True, slots=True)
class Provider:
    """One DNS provider."""

    name: str
    options: tuple[Option, ...]

    @property
    def asked(self) -> tuple[Option, ...]:
        """What a person is asked: flags, and what has a default, are for a file."""
        return tuple(each for each in self.options if not each.is_flag and each.default is None)

    def configuration(self, credentials: Mapping[str, Secret]) -> dict[str, Any]:
        """Return what lexicon is given. Raises `ProviderRefused`."""
        configuration = {
            option.name: option.default for option in self.options if option.default is not None
        }
        for option in self.options:
            if option.name in credentials:
                try:
                    configuration[option.name] = option.value_of(credentials[option.name])
                except (ValueError, TypeError):
                    raise ProviderRefused(
                        f"{option.name} of the DNS provider {self.name} is not what it has to be",
                        hint=_told(option),
                    ) from None  # which holds the value
        return configuration

    def must_be_given(self, credentials: Mapping[str, Secret]) -> None:
        """Raise `ProviderRefused` if nothing is known of how to sign in there.

        Which options belong together lexicon does not tell; the provider itself does, when asked.
        """
        if self.asked and not any(option.name in credentials for option in self.asked):
            raise ProviderRefused(
                f"the DNS provider {self.name} needs credentials: {self.names_of_options}",
                hint="put them into a file, one `name = value` a line, and give it with"
                " --dns-credentials FILE",
            )

    @property
    def names_of_options(self) -> str:
        """All that can be told to it, for a sentence."""
        return ", ".join(option.name for option in self.options) or "none"


def names() -> tuple[str, ...]:
    """Return the names of all DNS providers, sorted."""
    return tuple(sorted(set(_found()) - _NOT_OFFERED))


def available() -> tuple[str, ...]:
    """Return the names of those that need no package which is not installed, sorted."""
    found = _found()
    return tuple(name for name in names() if found[name])


def provider(name: str) -> Provider:
    """Return the DNS provider of this name.

    Raises `ProviderRefused` if there is none, or a package is missing that it needs.
    """
    _must_exist(name)
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    _class_of(name).configure_parser(parser)
    words = OURS.get(name, {})
    actions = parser._actions  # noqa: SLF001 - argparse has no other list
    return Provider(name, tuple(_option(each, words) for each in actions))


def connected(
    described: Provider, credentials: Mapping[str, Secret], *, zone: str
) -> LexiconProvider:
    """Return lexicon's own object for changes in `zone`; signs in, so it may take long.

    Not lexicon's `Client`: that guesses the zone from a list of suffixes that it downloads and
    keeps in the user's home, or asks the system's resolver alone. Raises whatever lexicon raises.
    """
    from lexicon.config import ConfigResolver  # noqa: PLC0415 - only when a record is changed

    # Without a handler of its own, what it warns of would go to the terminal.
    logging.getLogger("lexicon").addHandler(_NOWHERE)
    # Some read the zone as an option of their own, as it would be on lexicon's command line.
    own = {**described.configuration(credentials), "domain": zone}
    settings: dict[str, Any] = {
        "provider_name": described.name,
        "domain": zone,
        described.name: own,
    }
    if described.name == "duckdns":
        settings["ttl"] = 0  # it has none, and lexicon would warn of its own default each time
    resolver = ConfigResolver()  # type: ignore[no-untyped-call]
    made = _class_of(described.name)(resolver.with_dict(settings))
    made.authenticate()
    _heed_answers(made)
    return made


def _heed_answers(lexicon: LexiconProvider) -> None:
    """Let lexicon's RFC 2136 provider fail where the server refuses: it does not look itself.

    Without this a record that was never taken would be waited for.
    """
    ask = getattr(lexicon, "_run_query", None)
    if ask is None:
        return
    import dns.rcode  # noqa: PLC0415 - as above
    from lexicon.exceptions import LexiconError  # noqa: PLC0415 - as above

    def heeded(message: Any) -> Any:
        answer = ask(message)
        if answer.rcode() != dns.rcode.NOERROR:
            raise LexiconError(f"the server answered {dns.rcode.to_text(answer.rcode())}")
        return answer

    vars(lexicon)["_run_query"] = heeded


def _must_exist(name: str) -> None:
    found = _found()
    if name not in found or name in _NOT_OFFERED:
        lower = name.lower()
        close = [lower] if lower in names() else get_close_matches(lower, names(), cutoff=0.55)
        raise ProviderRefused(
            f"there is no DNS provider called {name!r}",
            hint=f"did you mean {' or '.join(close)}?" if close else _all_told(),
        )
    if not found[name]:
        missing = _packages_missing(name)
        raise ProviderRefused(
            f"the DNS provider {name} needs what is not installed: {', '.join(missing)}",
            hint=f"install it beside housekey: pip install '{DISTRIBUTION}[{name}]'",
        )


def _all_told() -> str:
    return f"there are {', '.join(names())}"


@cache
def _found() -> Mapping[str, bool]:
    """All of lexicon's providers, and whether what each needs is installed."""
    from lexicon._private.discovery import find_providers  # noqa: PLC0415 - as above

    return find_providers()


@cache
def _class_of(name: str) -> type[LexiconProvider]:
    from lexicon._private.discovery import load_provider_module  # noqa: PLC0415 - as above

    made: type[LexiconProvider] = load_provider_module(name).Provider
    return made


def _packages_missing(name: str) -> tuple[str, ...]:
    from importlib.metadata import PackageNotFoundError, requires, version  # noqa: PLC0415 - as above

    missing = []
    for requirement in requires(DISTRIBUTION) or ():
        package, _, condition = requirement.partition(";")
        if not re.search(rf"extra\s*==\s*[\"']{re.escape(name)}[\"']", condition):
            continue
        bare = re.split(r"[^\w.-]", package.strip())[0]
        try:
            version(bare)
        except PackageNotFoundError:
            missing.append(bare)
    return tuple(missing)


def _option(action: Any, words: Mapping[str, str]) -> Option:
    is_flag = action.nargs == 0
    convert = action.type or str
    if action.choices:
        convert = _one_of(tuple(action.choices), convert)
    return Option(
        name=action.dest,
        help=words.get(action.dest) or " ".join((action.help or "").split()),
        is_flag=is_flag,
        default=None if is_flag else action.default,
        convert=convert,
    )


def _one_of(choices: tuple[Any, ...], convert: Callable[[str], Any]) -> Callable[[str], Any]:
    def chosen(text: str) -> Any:
        value = convert(text)
        if value not in choices:
            raise ValueError
        return value

    return chosen


def _told(option: Option) -> str:
    return option.help or f"see what lexicon says of {option.name}"
