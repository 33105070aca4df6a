"""How the learning rate falls, and how a training of two phases is stretched."""

from vstain_bench.errors import UsageError


def exponential(lr: float, gamma: float, epoch: int) -> float:
    """Return lr · gamma^(epoch − 1): PyTorch's ``ExponentialLR``, stepped at the end of each epoch."""
    return float(lr * gamma ** (epoch - 1))


def linear_decay(lr: float, constant: int, decay: int, epoch: int, *, lead: int = 0) -> float:
    """Return lr for so many epochs, then lr · (1 − k / (decay + 1)) in the k-th epoch of the decay.

    pix2pix's rule (``models/networks.py``, ``lambda_rule``). A script that steps its scheduler before the first epoch
    instead of after it runs one epoch ahead: ``lead`` 1.
    """
    return lr * (1 - max(0, epoch + lead - constant) / (decay + 1))


def stretch(constant: int, decay: int, total: int) -> tuple[int, int]:
    """Return the epochs of both phases for a new total, in the old proportion."""
    new_decay = round(total * decay / (constant + decay))
    return total - new_decay, new_decay


def require_epochs(recipe: str, constant: int, decay: int) -> None:
    """Raise ``UsageError`` unless the two phases have an epoch together."""
    if constant + decay < 1:
        raise UsageError(
            where=f"recipe {recipe}, epochs {constant} and decay_epochs {decay}",
            found="nothing to train",
            expected="at least one epoch in both together",
        )
