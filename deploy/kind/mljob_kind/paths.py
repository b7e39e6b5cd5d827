"""Where things lie: the checkout, its .local folder, the user's cache. Creates nothing."""

import os
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Paths:
    """The folders of one checkout and of the user who works in it."""

    checkout: Path
    cache: Path

    @classmethod
    def of_user(cls, checkout: Path = CHECKOUT) -> "Paths":
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return cls(checkout=checkout, cache=Path(base) / "mljob")

    @property
    def local(self) -> Path:
        return self.checkout / ".local"

    @property
    def bin(self) -> Path:
        """Links to the binaries that other targets and the tests run."""
        return self.local / "bin"

    @property
    def logs(self) -> Path:
        """One file per command that took long; named in the error when it fails."""
        return self.local / "log"

    @property
    def tools(self) -> Path:
        return self.checkout / "deploy" / "tools"

    @property
    def kind(self) -> Path:
        return self.checkout / "deploy" / "kind"

    @property
    def images(self) -> Path:
        return self.checkout / "deploy" / "images"
