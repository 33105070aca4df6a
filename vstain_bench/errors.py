"""What can go wrong, and the exit code each kind ends with.

::

    VstainError                 something the user can fix
    ├── CheckFailed        1    a gate or an input check did not pass
    ├── UsageError         2    command line or configuration
    ├── InputError         3    the images or their pairing; nothing was scored
    │   └── DecodeError    3    one file cannot be read as one image
    └── MachineError       6    disk, permission, folder in use, weights missing

    Undefined                   a metric has no value here; the table says why

Anything else that escapes is a bug (exit code 5) and keeps its traceback.
"""

from collections.abc import Callable
from functools import partial
from typing import ClassVar


class VstainError(Exception):
    """A fault that the user can fix, stated in four parts: where, found, expected, next step."""

    exit_code: ClassVar[int] = 2

    def __init__(self, *, where: str, found: str, expected: str = "", next_step: str = "") -> None:
        self.where = where
        self.found = found
        self.expected = expected
        self.next_step = next_step
        super().__init__(str(self))

    def __reduce__(self) -> tuple[Callable[[], "VstainError"], tuple[()]]:
        """Return how another process makes the same fault; by default it would be given the text alone."""
        parts = {"where": self.where, "found": self.found, "expected": self.expected, "next_step": self.next_step}
        return partial(type(self), **parts), ()

    def __str__(self) -> str:
        parts = [f"{self.where}: {self.found}"]
        if self.expected:
            parts.append(f"expected {self.expected}")
        text = "; ".join(part.rstrip(".") for part in parts)
        if text.endswith("\n"):  # a list of lines; what follows begins a line of its own
            return f"{text}{self.next_step}".rstrip()
        return f"{text}. {self.next_step}".rstrip()


class CheckFailed(VstainError):
    """A check or gate that was asked for did not pass."""

    exit_code = 1


class UsageError(VstainError):
    """The command line or a configuration file asks for something that does not exist."""

    exit_code = 2


class InputError(VstainError):
    """The images, or how they pair, are not what can be scored."""

    exit_code = 3


class DecodeError(InputError):
    """One file cannot be read as one 8-bit RGB image without guessing."""


class MachineError(VstainError):
    """The machine lacks something: disk, permission, a free folder, network, weights."""

    exit_code = 6


class Undefined(Exception):
    """A metric has no value for these tiles; the message is the reason printed in the table (no fault of anyone)."""
