"""The protocols that ship, as TOML files, and how a protocol's file is found: no metric is looked up here."""

from importlib import resources
from pathlib import Path

from vstain_bench.base.names import unknown


def names() -> list[str]:
    """Return the names of the protocols that ship with the package."""
    found = (entry.name for entry in resources.files(__name__).iterdir())
    return sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml"))


def read_file(text: str) -> str:
    """Return the TOML of a protocol, given by its name or by a file's path.

    Raises:
        UsageError: It is neither.
    """
    path = Path(text)
    if path.suffix == ".toml" and path.is_file():
        return path.read_text(encoding="utf-8")
    if text in names():
        return resources.files(__name__).joinpath(f"{text}.toml").read_text(encoding="utf-8")
    raise unknown(text, names(), where=f"--protocol {text}", found="no such protocol or TOML file")
