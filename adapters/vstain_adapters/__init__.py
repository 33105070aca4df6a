"""Models as adapters and recipes: importing this package registers every bundled one."""

from vstain_adapters import asp, cssp2p, identity, onnx, pyramid_pix2pix, torchscript

__all__ = ["asp", "cssp2p", "identity", "onnx", "pyramid_pix2pix", "torchscript"]
