"""`housekey run --install` and `--uninstall`: shows what it writes, asks, and does it."""

from __future__ import annotations

import os
import pwd
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from housekey.cli.output import Output, house_folder, now, open_house
from housekey.cli.renewing import quiet_hours
from housekey.errors import ServiceTrouble, Stopped, UsageError
from housekey.homeassistant.put_back import doors_of
from housekey.house.exported import copies_of
from housekey.house.files import Files
from housekey.house.journal import FileChange, Journal
from housekey.renewal.installing import (
    Systemd,
    install,
    install_commands,
    must_be_installable,
    must_be_ours,
    remove,
    remove_commands,
    run_command,
)
from housekey.renewal.units import Kind, Needs, units_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from housekey.renewal.units import Unit

# Options that the installed service is given as they were given here.
_KEPT = ("url", "restart_command", "home_assistant")
_KEPT_PATHS = ("config", "token_file")
_DEFAULTS = {"quiet_hours": "02:00-05:00", "wait": 300, "port": 8125, "proof_port": 8126}
_FOR_THE_PAGE = ("home_assistant", "port", "proof_port", "bind", "no_page")


def install_or_remove(options: dict[str, Any], output: Output) -> None:
    """Do what the command line says."""
    if options["install"] and options["uninstall"]:
        raise UsageError("--install and --uninstall say two things", hint="choose one")
    if options["timer"] and not options["install"]:
        raise UsageError("--timer goes with --install", hint="--uninstall removes either")
    if not sys.platform.startswith("linux") or shutil.which("systemctl") is None:
        raise ServiceTrouble(
            "this machine has no systemd",
            hint="let something else start housekey run at boot, or housekey renew once a day",
        )
    systemd = _systemd(os.environ)
    if options["install"]:
        _install(options, systemd, output)
    else:
        _remove(options, systemd, output)


def _install(options: dict[str, Any], systemd: Systemd, output: Output) -> None:
    kind = Kind.TIMER if options["timer"] else Kind.SERVICE
    needs = _needs(options, kind, system=not systemd.options)
    units = units_of(kind, needs)
    if not options["dry_run"]:
        must_be_installable(systemd, units)
    else:
        must_be_ours(systemd)
    _show(units, systemd, output)
    for line in _heads_up(options):
        output.row("heads up", line)
    if not options["dry_run"]:
        if not output.confirm("Write these, and start it?"):
            raise Stopped
        install(systemd, units)
        output.row("installed", f"{units[-1].name} runs, and starts with this machine")
        unit = "--user-unit" if systemd.options else "-u"
        output.row("next", f"journalctl {unit} {units[0].name} shows what it does")
        if systemd.options:
            output.row("", 'sudo loginctl enable-linger "$USER" lets it run while you are away')
    output.document(
        {
            "files": {str(systemd.folder / unit.name): unit.text for unit in units},
            "commands": [list(words) for words in install_commands(systemd, units)],
            "done": not options["dry_run"],
        }
    )


def _remove(options: dict[str, Any], systemd: Systemd, output: Output) -> None:
    must_be_ours(systemd)
    present = systemd.present()
    commands = remove_commands(systemd, present)
    for name in present:
        output.row("remove", str(systemd.folder / name))
    for words in commands:
        output.row("run", " ".join(words))
    removed: tuple[Path, ...] = ()
    if not present:
        output.row("nothing", "is installed")
    elif not options["dry_run"]:
        if not output.confirm("Remove these?"):
            raise Stopped
        removed = remove(systemd)
        output.row("removed", "nothing of it runs any more; the house stays where it is")
    output.document(
        {
            "files": [str(systemd.folder / name) for name in present],
            "commands": [list(words) for words in commands],
            "done": bool(removed) or not present,
        }
    )


def _show(units: Sequence[Unit], systemd: Systemd, output: Output) -> None:
    for unit in units:
        output.row("write", str(systemd.folder / unit.name))
        if not output.as_json:
            click.echo("\n" + "".join(f"    {line}\n" for line in unit.text.splitlines()))
    for words in install_commands(systemd, units):
        output.row("run", " ".join(words))


def _systemd(environ: Mapping[str, str]) -> Systemd:
    if os.geteuid() == 0:
        return Systemd(Path("/etc/systemd/system"), (), run_command, Files())
    base = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return Systemd(base / "systemd" / "user", ("--user",), run_command, Files())


def _needs(options: dict[str, Any], kind: Kind, *, system: bool) -> Needs:
    """Find out what the service needs. Raises as `House.open`."""
    folder = house_folder(options)
    with open_house(folder) as house:
        copies = [folder for folders in copies_of(house).values() for folder in folders]
    homes = _home_folders(folder, options)
    owner = folder.stat().st_uid
    of_root = system and owner == 0
    writes = dict.fromkeys([folder, *homes, *(each for each in copies if each.is_dir())])
    given = [Path(options["token_file"]).absolute()] if options["token_file"] else []
    return Needs(
        command=_program(),
        options=_options(options, kind, folder),
        writes=tuple(writes),
        reads=(Path(sys.prefix), Path(sys.base_prefix), *given),
        quiet=quiet_hours(options["quiet_hours"]),
        page=kind is Kind.SERVICE and not options["no_page"],
        user=None if of_root or not system else _name_of(owner),
        of_root=of_root,
        over_others=any(each.stat().st_uid != 0 for each in writes),
        system=system,
    )


def _home_folders(folder: Path, options: dict[str, Any]) -> list[Path]:
    """Return the folders in which Home Assistant's certificate, its key and its YAML lie."""
    found = [Path(options["config"]).absolute()] if options["config"] else []
    journal = Journal(folder / "journal", files=Files(), clock=now)
    for transaction in journal.standing():
        home = Path(transaction.target["folder"])
        found.append(home)
        found += [each.path.parent for each in transaction.changes if isinstance(each, FileChange)]
    there = [each for each in dict.fromkeys(found) if each.is_dir()]
    return [each for each in there if not any(each.is_relative_to(o) for o in there if o != each)]


def _program() -> tuple[str, ...]:
    """Return how this very housekey is started."""
    return (sys.executable, "-P", "-m", "housekey")


def _options(options: dict[str, Any], kind: Kind, folder: Path) -> tuple[str, ...]:
    words = ["--house", str(folder)]
    for name in _KEPT:
        if options[name] and not (kind is Kind.TIMER and name in _FOR_THE_PAGE):
            words += [_option(name), str(options[name])]
    for name in _KEPT_PATHS:
        if options[name]:
            words += [_option(name), str(Path(options[name]).absolute())]
    for name, default in _DEFAULTS.items():
        if options[name] != default and not (kind is Kind.TIMER and name in _FOR_THE_PAGE):
            words += [_option(name), f"{options[name]:g}" if name == "wait" else str(options[name])]
    if kind is Kind.SERVICE:
        for address in options["bind"]:
            words += ["--bind", address]
        if options["no_page"]:
            words.append("--no-page")
    return tuple(words)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _heads_up(options: dict[str, Any]) -> list[str]:
    if options["token_file"] or (house_folder(options) / "token").exists():
        return []
    journal = Journal(house_folder(options) / "journal", files=Files(), clock=now)
    if not any(doors_of(each) for each in journal.standing()):
        return []
    return [
        (
            "it has no token, and cannot sign in to Home Assistant: let it keep one, once:"
            " housekey secure --remember"
        )
    ]


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
