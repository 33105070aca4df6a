"""Models as adapters: importing this package registers every bundled one."""

from vstain_adapters import identity

__all__ = ["identity"]
