"""The files of a Home Assistant, back as they were: what the way back does on the disk.

As long as Home Assistant does not answer as before they are a step of the way (`put`), which
`take_back` can make undone. When it does, what is left is to tidy up (`tidy`): a file that cannot
be put back then is no failure of the way back, and is told.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from housekey.errors import FileTrouble
from housekey.homeassistant import yaml_tree
from housekey.homeassistant.recorded import HTTP_YAML
from housekey.house.journal import FileBefore, restore
from housekey.house.reasons import told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from housekey.homeassistant.site import World
    from housekey.house.files import Snapshot
    from housekey.house.journal import Before

_YAML_SUFFIXES = (".yaml", ".yml")


@dataclass(slots=True)
class FilesBack:
    """The way back of the files of one Home Assistant."""

    folder: Path  # Home Assistant's
    before: Before
    world: World
    warn: Callable[[str], None]
    are_back: bool = False  # nothing is left that only the journal knows
    left: list[FileTrouble] = field(default_factory=list)  # why some could not be tidied up
    _done: list[tuple[Path, Snapshot | None]] = field(default_factory=list)  # as they were found

    def put(self, *, created: bool | None = None) -> None:
        """Put them back, YAML first, so that nothing refers to a certificate when it goes.

        `created` limits it to the files that housekey created, or to the others. Raises the first
        thing that fails.
        """
        self._must_be_there()
        for file in self._ordered(created=created):
            self._one(file)
        self.are_back = created is not False

    def take_back(self) -> None:
        """Put again what was put back, as it was found: it is not the way back after all."""
        with contextlib.suppress(FileTrouble):  # what cannot be is put back by the next undo
            for path, was in reversed(self._done):
                self.world.files.restore(path, was)
        self._done.clear()
        self.are_back = False

    def tidy(self, *, created: bool | None = None) -> None:
        """Put back as many as can be; Home Assistant needs none of them any more."""
        for file in self._ordered(created=created):
            try:
                self._must_be_there()
                self._one(file)
            except FileTrouble as trouble:
                self.left.append(trouble)
                self.warn(f"not yet as it was before: {trouble.message}")
        self.are_back = created is not False and not self.left

    def _must_be_there(self) -> None:
        """Raise `FileTrouble` without Home Assistant's folder.

        A disk that is away has none of our files either, and comes back with all of them.
        """
        with told(self.folder):
            self.folder.stat()

    def _ordered(self, *, created: bool | None) -> Iterator[FileBefore]:
        for file in sorted(self.before.files, key=lambda file: not _is_yaml(file)):
            if created is None or created is (file.before is None):
                yield file

    def _one(self, file: FileBefore) -> None:
        files = self.world.files
        was = files.snapshot(file.path)
        if restore(file, files):
            self._done.append((file.path, was))
            self.world.hook(f"{file.path.name} is back")
        elif _is_yaml(file):
            self._edit_yaml(file)
        else:
            self.warn(f"{file.path} was changed by somebody else since; it stays")

    def _edit_yaml(self, file: FileBefore) -> None:
        """Take only our keys out of a YAML file that was edited since."""
        setting = self.before.setting(HTTP_YAML)
        if setting is None:
            self.warn(f"{file.path} was changed by somebody else since; it stays")
            return
        read = self.world.files.read
        settings = yaml_tree.http_settings(self.folder, read)
        ours = {
            key
            for given in setting.ours
            for key, value in given.items()
            if settings.get(key) == value
        }
        if not ours:
            return
        old = {key: setting.before.get(key) for key in ours}
        edit = yaml_tree.plan_http_edit(self.folder, read, old)
        was = self.world.files.snapshot(edit.path)
        self.world.files.write(edit.path, edit.after)
        self._done.append((edit.path, was))


def _is_yaml(file: FileBefore) -> bool:
    return file.path.suffix in _YAML_SUFFIXES
