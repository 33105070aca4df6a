"""Who hears how far a job is: the command line, a test, or nobody."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

Progress = Callable[[str, int, int], None]
"""Called with a phase, what is done of it, and of how many."""
Advance = Callable[[int, int], None]
"""The same within one phase."""


@dataclass(frozen=True)
class Listener:
    """What a job calls while it goes on: ``progress``, and ``say`` with sentences that the user should read."""

    progress: Progress = lambda phase, done, of: None
    say: Callable[[str], None] = lambda sentence: None

    def phase(self, name: str) -> Advance:
        """Return the progress of one phase."""
        return partial(self.progress, name)


SILENT = Listener()
"""For a job to which nobody listens."""
