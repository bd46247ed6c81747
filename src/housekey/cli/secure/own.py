"""The options of the road of a CA of one's own: `housekey secure --csr FILE`, `--install CHAIN`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from housekey.cli.home import choose_home, folder_of, running, sign_in, world_of
from housekey.cli.output import Output, house_folder, promised, subject_of
from housekey.errors import AnswerRefused, PemUnreadable, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from cryptography.x509 import Certificate

    from housekey.homeassistant.own_install import Installing, Returned
    from housekey.homeassistant.own_request import Requested
    from housekey.homeassistant.request import Asker, Request
    from housekey.homeassistant.site import World
    from housekey.pki.contents import Contents
    from housekey.pki.keys import PrivateKey

_F = TypeVar("_F", bound="Callable[..., Any]")

_FOR_ONE = (  # options that have a meaning on one side only
    ("new_key", "--new-key", "csr"),
    ("root_file", "--root", "install"),
    ("force", "--force", "install"),
    ("passphrase_file", "--passphrase-file", "install"),
)
_NOT_HERE = (  # what the CA decides, or what concerns the house's own root
    ("days", "--days"),
    ("permit", "--permit"),
)
_OF_THE_SWITCH = (("port", "--port"), ("cert_path", "--cert-path"), ("key_path", "--key-path"))


def own_options(command: _F) -> _F:
    """Add the options of this road."""
    for option in (
        click.argument("more", nargs=-1, metavar="[FILE]..."),
        click.option(
            "--passphrase-file",
            metavar="FILE",
            help="With --install: what opens a locked file, in the first line.  [default: asked]",
        ),
        click.option(
            "--force", is_flag=True, help="With --install: let pass what is only warned of."
        ),
        click.option(
            "--root",
            "root_file",
            metavar="FILE",
            help="With --install: the root that devices trust.  [default: as given, or last time]",
        ),
        click.option(
            "--install",
            multiple=True,
            metavar="FILE...",
            help="Take what your own CA returned: certificates in any order and form.",
        ),
        click.option(
            "--new-key", is_flag=True, help="With --csr: a new key, not the one of last time."
        ),
        click.option(
            "--csr",
            metavar="FILE",
            help="Write a request for a CA of your own; - prints it. Home Assistant stays as it"
            " is.",
        ),
    ):
        command = option(command)
    return command


def refuse_contradictions(options: dict[str, Any]) -> None:
    """Raise UsageError for options of this road that cannot be meant together."""
    csr, install = options["csr"] is not None, bool(options["install"])
    if csr and install:
        raise UsageError(
            "--csr asks the CA, and --install takes its answer: one after the other",
            hint="give one of the two",
        )
    others = (("public_names", "--public"), ("private", "--private"))
    for name, option in others * (csr or install):
        if options[name]:
            raise UsageError(
                f"{option} is another road than a CA of your own",
                hint="drop one of the two; docs/roads.md tells them apart",
            )
    if options["more"] and not install:
        raise UsageError(
            f"{options['more'][0]!r} stands alone, and only --install takes files",
            hint="an address goes with --url, Home Assistant's folder with --config, another name"
            " with --name",
        )
    for name, option, side in _FOR_ONE:
        if options[name] and not (csr if side == "csr" else install):
            raise UsageError(
                f"{option} goes with --{side}", hint=f"give --{side} FILE, or leave it"
            )
    refused = [*(_NOT_HERE if csr or install else ()), *(_OF_THE_SWITCH if csr else ())]
    refused += [("key_type", "--key"), ("critical_constraints", "--critical-constraints")] * install
    for name, option in refused:
        if options[name]:
            why = "that is for --install" if (name, option) in _OF_THE_SWITCH else "your CA decides"
            raise UsageError(
                f"{option} does not go with --{'csr' if csr else 'install'}: {why}",
                hint="leave it out",
            )


def ask_for_signature(options: dict[str, Any], asker: Callable[[Output], Asker]) -> None:
    """Do `--csr`."""
    from housekey.cli.pem.delivered import Delivery  # noqa: PLC0415 - after --help
    from housekey.house.files import Files  # noqa: PLC0415

    output = Output(as_json=options["as_json"], yes=options["yes"])
    delivery = Delivery(output, Files())
    delivery.check(options["csr"], option="--csr")
    done = running(_requested(options, output, asker(output)), output)
    if done.pem is not None:
        delivery.put(done.pem, options["csr"], what="request")
    output.row("subject", done.subject)
    key = f"{done.key_type.label}, {'a new one' if done.new_key else 'the one of before'}"
    output.row("key", f"{key}; it stays in the house")
    if done.pem is None:
        output.row("would", f"write the request to {options['csr']}")
    else:
        output.row("next", "let your CA sign it as a TLS server, with all names; then")
        output.row("", "housekey secure --install FILE, with all that it returns")
    site = done.view.site
    document = {
        "home_assistant": {
            "version": site.version,
            "url": site.door.url,
            "config_dir": str(site.folder),
        },
        "names": [str(name) for name in done.names],
        "subject": done.subject,
        "key": done.key_type.value,
        "new_key": done.new_key,
        "house": str(done.house),
        "dry_run": done.pem is None,
        **delivery.document,
    }
    if done.recovery_code is not None:
        document["recovery_code"] = done.recovery_code.text
    output.document(document)


async def _requested(options: dict[str, Any], output: Output, asker: Asker) -> Requested:
    from housekey.homeassistant.own_request import (  # noqa: PLC0415 - after --help
        AskingOnly,
        request_signature,
    )
    from housekey.homeassistant.request import Request  # noqa: PLC0415
    from housekey.pki.keys import KeyType  # noqa: PLC0415

    house = house_folder(options)
    world = world_of(options, output)
    home = await choose_home(options, world, output, house=house)
    async with sign_in(options, home, world, output, house=house) as token:
        request = Request(
            house=house,
            folder=await folder_of(home, token, world, house=house),
            door=home.door,
            token=token,
            add=options["add"],
            remove=options["remove"],
            subject=subject_of(options),
            critical=options["critical_constraints"],
            key_type=KeyType(options["key_type"]) if options["key_type"] else None,
            dry_run=options["dry_run"],
            road=AskingOnly(),
        )
        return await request_signature(request, world, asker, new_key=options["new_key"])


def chosen_own(
    options: dict[str, Any], world: World, output: Output, *, house: Path
) -> Installing | None:
    """Look at what `--install` gave; None without it. Raises `AnswerRefused`, `PemUnreadable`."""
    if not options["install"]:
        return None
    from housekey.homeassistant.own_install import before_of, installing  # noqa: PLC0415
    from housekey.pki.names import parse_name  # noqa: PLC0415

    asked = [parse_name(text) for text in options["add"]]
    before = before_of(house, world)
    returned = _returned(options, output)
    findings: list[str] = []

    def tell(label: str, text: str) -> None:
        world.tell(label, text)
        if label in ("refused", "warning"):
            findings.append(text)
            promised["findings"] = findings

    return installing(
        returned, before, asked=asked, force=options["force"], world=replace(world, tell=tell)
    )


def taking(request: Request, own: Installing) -> Request:
    """Return the request that installs it."""
    return replace(
        request,
        road=own,
        renew=own.renew,
        found=own.compare,
        key_type=own.answer.key.key_type,
        days=max(own.lifetime.days, 1),
    )


def what_next(house: Path, *, new: bool) -> tuple[str, ...]:
    """Say what is to be done once Home Assistant is on HTTPS; `new` is a house just made.

    Who has had one knows how it renews, or has seen to it.
    """
    from housekey.house.files import Files  # noqa: PLC0415 - after --help
    from housekey.house.road import Kind, read_road  # noqa: PLC0415
    from housekey.pki.arranging import said  # noqa: PLC0415

    road = read_road(house, files=Files())
    by_itself = ("to renew it by itself: housekey run --install",) * new
    if road is None:
        return ("phones and laptops: housekey share", *by_itself)
    if not road.roots:
        return ("nothing on any device; to renew it by itself: housekey run --install",)
    if road.kind is Kind.PUBLIC:
        root = said(road.roots[-1])
        return (f"every device has to trust the root of that CA, {root}", *by_itself)
    return (f"every device has to trust the root of your CA, {said(road.roots[0])}",)


def _returned(options: dict[str, Any], output: Output) -> Returned:
    from housekey.cli.pem.given import Given  # noqa: PLC0415 - after --help
    from housekey.homeassistant.own_install import Returned  # noqa: PLC0415
    from housekey.house.files import Files  # noqa: PLC0415
    from housekey.pki.arranging import roots_in  # noqa: PLC0415

    given = Given(output, Files(), options["passphrase_file"])
    names = [*options["install"], *options["more"]]
    contents = [given.whole(name) for name in names]
    certificates = tuple(each for found in contents for each in found.certificates)
    if not certificates:
        _refuse_a_request(names, contents)
        given.pick(names[0], lambda found: found.the_certificates())
    roots: tuple[Certificate, ...] = ()
    if options["root_file"]:
        roots = given.pick(options["root_file"], lambda found: roots_in(found.the_certificates()))
    return Returned(certificates, _keys(contents), roots)


def _refuse_a_request(names: Sequence[str], contents: Sequence[Contents]) -> None:
    for name, found in zip(names, contents, strict=True):
        if found.requests:
            raise AnswerRefused(
                f"{name} is the request itself, not the certificate that a CA makes of it",
                hint="give the request to your CA, and install what it returns",
            )


def _keys(contents: Sequence[Contents]) -> tuple[PrivateKey, ...]:
    """Return the keys that came along. Raises PemUnreadable if none of them can be used."""
    from housekey.pki.keys import PrivateKey  # noqa: PLC0415

    keys, trouble = [], None
    for each in (key for found in contents for key in found.keys):
        try:
            keys.append(PrivateKey.of(each))
        except PemUnreadable as error:
            trouble = error
    if trouble is not None and not keys:
        raise trouble
    return tuple(keys)
