"""`housekey house show`."""

from __future__ import annotations

from typing import Any

import click

from housekey.cli.output import Output, common_options, house_folder, open_house


@click.command("show")
@common_options
def command(**options: Any) -> None:
    """Show the root, the issuing CA and what the house may issue for."""
    from housekey.cli.cert import shown  # noqa: PLC0415 - after --help
    from housekey.pki.encoding import fingerprint  # noqa: PLC0415
    from housekey.pki.fingerprint import grouped  # noqa: PLC0415

    output = Output(as_json=options["as_json"])
    folder = house_folder(options)
    with open_house(folder) as house:
        root, issuing = house.root, house.issuing
        leaves = house.leaves()
        sealed = (folder / "root.key.sealed").exists()
        constraints = house.constraints
    output.row("house", str(folder))
    for label, certificate in (("root", root), ("issuing", issuing)):
        output.row(label, certificate.subject.rfc4514_string())
        output.row("", f"until {certificate.not_valid_after_utc:%d %B %Y}")
        output.row("", f"SHA-256 {grouped(fingerprint(certificate))}")
    output.row("covers", ", ".join(constraints.described()))
    output.row("", f"the constraints are {'' if constraints.critical else 'not '}marked critical")
    output.row(
        "sealed",
        "the root's key is in root.key.sealed; the recovery code opens it"
        if sealed
        else "the root's key is not kept here",
    )
    output.row("leaves", ", ".join(map(shown, leaves)) or "none yet")
    output.document(
        {
            "house": str(folder),
            "root": _facts(root),
            "issuing": _facts(issuing),
            "permitted": list(constraints.described()),
            "critical": constraints.critical,
            "root_key": "sealed" if sealed else "absent",
            "leaves": [shown(leaf) for leaf in leaves],
        }
    )


def _facts(certificate: Any) -> dict[str, str]:
    from housekey.pki.encoding import fingerprint  # noqa: PLC0415 - loaded already

    return {
        "subject": certificate.subject.rfc4514_string(),
        "sha256": fingerprint(certificate),
        "not_before": certificate.not_valid_before_utc.isoformat(),
        "not_after": certificate.not_valid_after_utc.isoformat(),
    }
