"""Models as adapters and recipes: importing this package registers every bundled one."""

from vstain_adapters import asp, cssp2p, identity, pyramid_pix2pix

__all__ = ["asp", "cssp2p", "identity", "pyramid_pix2pix"]
