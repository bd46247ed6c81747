"""What the DNS provider knows the user by: given once, kept in the house, never shown.

They come from a file, from the environment as lexicon itself reads it, or from questions without
echo; never from the command line, which every user of a machine can read. Every message here
names options and lines, and never a value.
"""

from __future__ import annotations

import json
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from housekey.errors import FileTrouble, HouseBroken, HouseUnsafe, ProviderRefused, UsageError
from housekey.house.road import DNS, refuse_newer
from housekey.pki.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from housekey.house.files import Files
    from housekey.public.providers import Option, Provider

_VERSION = 1
_MOST_BYTES = 1 << 20
_LINE = re.compile(r"(?P<name>[A-Za-z_][\w-]*)\s*=\s*(?P<value>.*)")
_SECTION = re.compile(r"\[(?P<name>[^\]]*)\]")
_AGAIN = "give them again: --dns-credentials FILE"


@dataclass(frozen=True, slots=True)
class Given:
    """Credentials as they were given now."""

    options: Mapping[str, Secret]
    warning: str | None = None  # others could read them where they came from


def credentials_from(
    provider: Provider,
    file: Path | None,
    environ: Mapping[str, str],
    *,
    read: Callable[[Path], bytes],
    mode_of: Callable[[Path], int] = lambda path: path.stat().st_mode,
) -> Given | None:
    """Return what `--dns-credentials` holds, else the environment; None when neither is there.

    Raises `UsageError` for a file that cannot be read or is none of credentials.
    """
    if file is None:
        options = from_environment(provider, environ)
        return Given(options) if options else None
    try:
        text = read(file)
        mode = mode_of(file)
    except (FileTrouble, OSError) as trouble:
        reason = trouble.reason if isinstance(trouble, FileTrouble) else "it cannot be read"
        raise UsageError(
            f"{file}: {reason}", hint="--dns-credentials names a file with the credentials"
        ) from trouble
    options = parse(text, provider, where=str(file))
    if mode & 0o077:
        return Given(options, f"others on this computer can read {file}: chmod 600 {file}")
    return Given(options)


def parse(text: bytes, provider: Provider, *, where: str) -> Mapping[str, Secret]:
    """Read `name = value` lines, with or without `[provider]` above them.

    Names as lexicon has them (`auth_token`), or as its environment does. A provider that needs one
    thing alone takes a file with nothing but that. Raises `UsageError`.
    """
    try:
        lines = list(_meant(text.decode("utf-8-sig"), provider))
    except UnicodeDecodeError:
        raise UsageError(f"{where} is not a text", hint=_hint(provider)) from None
    if len(lines) == len(provider.asked) == 1 and _named(lines[0][1], provider) is None:
        (option,) = provider.asked
        return {option.name: Secret(lines[0][1].encode())}
    found: dict[str, Secret] = {}
    for number, line in lines:
        named = _named(line, provider)
        if named is None:
            raise UsageError(
                f"{where}, line {number}, is no option of the DNS provider {provider.name}",
                hint=_hint(provider),
            )
        option, value = named
        if value:
            found[option.name] = Secret(value.encode())
    if not found:
        raise UsageError(f"{where} holds no credentials", hint=_hint(provider))
    return found


def from_environment(provider: Provider, environ: Mapping[str, str]) -> Mapping[str, Secret]:
    """Return what the environment holds, by the names that lexicon reads it by.

    `LEXICON_DUCKDNS_AUTH_TOKEN`, or as it used to be, `LEXICON_DUCKDNS_TOKEN`.
    """
    found = {}
    for option in provider.options:
        for variable in variables_of(provider, option):
            if value := environ.get(variable, "").strip():
                found[option.name] = Secret(value.encode())
                break
    return found


def variables_of(provider: Provider, option: Option) -> tuple[str, ...]:
    """Return the variables of the environment for an option, the better one first."""
    full = f"LEXICON_{provider.name}_{option.name}".upper()
    return tuple(dict.fromkeys((full, re.sub(r"(.*)_AUTH_(.*)", r"\1_\2", full))))


def ask(provider: Provider, question: Callable[[str], Secret | None]) -> Mapping[str, Secret]:
    """Ask for each option in turn; what is left empty is not given.

    `question` asks without echo, and returns None where nobody can be asked. Raises `UsageError`
    then, and `ProviderRefused` if nothing at all was answered.
    """
    found: dict[str, Secret] = {}
    for option in provider.asked:
        told = f" ({option.help})" if option.help else ""
        answer = question(f"{provider.name}: {option.name}{told}")
        if answer is None:
            variables = " ".join(variables_of(provider, each)[0] for each in provider.asked)
            raise UsageError(
                f"there is no terminal to ask for the credentials of {provider.name} on",
                hint=f"give them with --dns-credentials FILE, or in {variables}",
            )
        if value := answer.reveal().strip():
            found[option.name] = Secret(value)
    provider.must_be_given(found)
    return found


def keep(
    folder: Path, provider: Provider, credentials: Mapping[str, Secret], *, files: Files
) -> None:
    """Keep them in the house at `folder`, for the next renewal. Raises `FileTrouble`."""
    path = folder / DNS
    # Another provider's stay: until the change to this one has worked, renewals need them.
    shown = {name: secret.reveal().decode() for name, secret in credentials.items()}
    document = {
        "version": _VERSION,
        "providers": {**_providers(folder, files=files), provider.name: shown},
    }
    files.make_folder(path.parent, 0o700)
    text = json.dumps(document, indent=2, sort_keys=True) + "\n"
    files.write(path, Secret(text.encode()), mode=0o600)


def kept(folder: Path, provider_name: str, *, files: Files) -> Mapping[str, Secret] | None:
    """Return those of the house at `folder` for this provider; None when there are none.

    Raises `HouseUnsafe` if others may read them, `HouseBroken` if the file is damaged.
    """
    options = _providers(folder, files=files, whose=provider_name).get(provider_name)
    if options is None:
        return None
    return {name: Secret(value.encode()) for name, value in options.items()}


def providers_kept(folder: Path, *, files: Files) -> tuple[str, ...]:
    """Return the providers that the house at `folder` has credentials for. Raises as `kept`."""
    return tuple(_providers(folder, files=files))


def _providers(
    folder: Path, *, files: Files, whose: str = "the provider"
) -> dict[str, dict[str, str]]:
    path = folder / DNS
    try:
        text = files.read(path, most_bytes=_MOST_BYTES)
        mode = path.stat().st_mode
    except FileTrouble as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return {}
        raise
    if mode & 0o077:
        raise HouseUnsafe(
            f"the DNS credentials {path} are open to other users of this machine"
            f" (mode {stat.S_IMODE(mode):o})",
            hint=f"chmod 600 {path}; if somebody else may have read them, make new ones at"
            f" {whose} and give them again: --dns-credentials FILE",
        )
    try:
        document = json.loads(text)
        refuse_newer(path, document["version"], known=_VERSION)
        return {
            str(provider): {str(name): str(value) for name, value in options.items()}
            for provider, options in document["providers"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        # The error itself tells what is around the damage.
        raise HouseBroken(f"the DNS credentials {path} are damaged", hint=_AGAIN) from None


def must_be_kept(folder: Path, provider_name: str, *, files: Files) -> Mapping[str, Secret]:
    """As `kept`, where they are needed. Raises `ProviderRefused`, too."""
    found = kept(folder, provider_name, files=files)
    if found is None:
        raise ProviderRefused(
            f"the house keeps no credentials for the DNS provider {provider_name}", hint=_AGAIN
        )
    return found


def _meant(text: str, provider: Provider) -> Iterator[tuple[int, str]]:
    """The lines that are neither empty, nor a remark, nor another provider's, with numbers."""
    ours = True
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()  # noqa: PLW2901 - the same line
        if not line or line[0] in "#;":
            continue
        if section := _SECTION.fullmatch(line):
            named = section["name"].strip().lower()
            ours = named in (provider.name, "lexicon", "default")
        elif ours:
            yield number, line


def _named(line: str, provider: Provider) -> tuple[Option, str] | None:
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    said = match["name"].replace("-", "_").lower()
    value = match["value"].strip()
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    for option in provider.options:
        names = {option.name, f"{provider.name}_{option.name}"}
        names |= {variable.lower() for variable in variables_of(provider, option)}
        if said in names:
            return option, value
    return None


def _hint(provider: Provider) -> str:
    return f"one `name = value` a line; the names are {provider.names_of_options}"
