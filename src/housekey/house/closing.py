"""What is open until it is closed, or until the block that it was opened for ends."""

from __future__ import annotations

from typing import Self


class Closing:
    """Close it, or use it as a context manager."""

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
