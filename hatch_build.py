"""Reads the dependencies of the package's metadata from the files in requirements/, as the pinned versions do."""

from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

EXTRAS = ("dev", "references")


class Dependencies(MetadataHookInterface):
    def update(self, metadata: dict[str, Any]) -> None:
        folder = Path(self.root) / "requirements"
        package = requirements(folder / "package.in")
        metadata["dependencies"] = package
        metadata["optional-dependencies"] = {
            extra: [line for line in requirements(folder / f"{extra}.in") if line not in package] for extra in EXTRAS
        }


def requirements(file: Path) -> list[str]:
    """The requirements in a file and in the files it includes with `-r`, each once and in order."""
    found: list[str] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        entry = line.partition("#")[0].strip()
        if entry.startswith("-r "):
            found += requirements(file.parent / entry.removeprefix("-r ").strip())
        elif entry:
            found.append(entry)
    return list(dict.fromkeys(found))
