"""Losses: one file each, a pure function of images, logits or features."""
