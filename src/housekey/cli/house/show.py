"""`housekey house show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from housekey.cli.output import Output, common_options, house_folder, open_house

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from housekey.house.generations import Former
    from housekey.house.house import House


@click.command("show")
@common_options
def command(**options: Any) -> None:
    """Show the root, the issuing CA, what the house may issue for, and what there was before."""
    from housekey.house.labels import shown  # noqa: PLC0415 - after --help
    from housekey.house.root_key import SEALED_ROOT_KEY  # noqa: PLC0415
    from housekey.house.together import where  # noqa: PLC0415

    output = Output(as_json=options["as_json"])
    folder = house_folder(options)
    with open_house(folder) as house:
        labels = [label for label in house.labels() if house.ever_had(label)]
        key = where(folder, SEALED_ROOT_KEY)
        sealed = key is not None and key.exists()
        constraints = house.constraints
    output.row("house", str(folder))
    for label, certificate in (("root", house.root), ("issuing", house.issuing)):
        _tell(output, label, certificate)
    overlap = _overlap(house)
    if overlap is not None:
        output.row("overlap", f"{overlap['told']}, since {overlap['since'][:10]}")
        _tell(output, "", house.roots[1])
        output.row("", "housekey house rotate shows which devices have proved the new root")
    output.row("covers", ", ".join(constraints.described()))
    output.row("", f"the constraints are {'' if constraints.critical else 'not '}marked critical")
    output.row(
        "sealed",
        "the root's key is in root.key.sealed; the recovery code opens it"
        if sealed
        else "the root's key is not kept here: have it back before house recover or house rotate",
    )
    output.row(
        "code",
        "the recovery code is needed for house recover, and for house rotate with an overlap at"
        " once; not for renewing or issuing",
    )
    earlier = [_earlier(house, each) for each in house.generations.former]
    for each in earlier:
        output.row("earlier", f"{each['what']} {each['subject']}{each['told']}")
    output.row("leaves", ", ".join(map(shown, labels)) or "none yet")
    output.document(
        {
            "house": str(folder),
            "root": _facts(house.root),
            "issuing": _facts(house.issuing),
            "overlap": overlap,
            "earlier": [{k: v for k, v in each.items() if k != "told"} for each in earlier],
            "permitted": list(constraints.described()),
            "critical": constraints.critical,
            "root_key": "sealed" if sealed else "absent",
            "leaves": list(map(shown, labels)),
        }
    )


def _tell(output: Output, label: str, certificate: Certificate) -> None:
    from housekey.pki.encoding import fingerprint  # noqa: PLC0415 - loaded already
    from housekey.pki.fingerprint import grouped  # noqa: PLC0415

    output.row(label, certificate.subject.rfc4514_string())
    output.row("", f"until {certificate.not_valid_after_utc:%d %B %Y}")
    output.row("", f"SHA-256 {grouped(fingerprint(certificate))}")


def _overlap(house: House) -> dict[str, Any] | None:
    from housekey.house.generations import Kind  # noqa: PLC0415 - loaded already

    overlap = house.overlap
    if overlap is None:
        return None
    crossed = overlap.kind is Kind.CROSSED
    return {
        "kind": overlap.kind.value,
        "since": overlap.since.isoformat(),
        "told": "an earlier root still counts beside today's"
        if crossed
        else "a new root waits until the devices know it",
        "old_root": _facts(overlap.old_root),
        "new_root": _facts(overlap.new_root),
    }


def _earlier(house: House, former: Former) -> dict[str, Any]:
    """A root that is over, or of today's root an issuing CA that is."""
    of_today = former.root == house.root
    certificate = former.issuing if of_today and former.issuing else former.root
    over = f", over since {former.dropped:%d %B %Y}" if former.dropped else ", still counts"
    why = former.why.value if former.why else None
    return {
        "what": "issuing CA" if of_today else "root",
        "told": f"{over} ({why})" if why else over,
        "dropped": former.dropped.isoformat() if former.dropped else None,
        "why": why,
        **_facts(certificate),
    }


def _facts(certificate: Certificate) -> dict[str, str]:
    from housekey.pki.encoding import fingerprint  # noqa: PLC0415 - loaded already

    return {
        "subject": certificate.subject.rfc4514_string(),
        "sha256": fingerprint(certificate),
        "not_before": certificate.not_valid_before_utc.isoformat(),
        "not_after": certificate.not_valid_after_utc.isoformat(),
    }
