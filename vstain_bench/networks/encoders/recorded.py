"""Features that a finished run keeps, by the signature of what made them: ``recorded:SIGNATURE``.

A table names the encoder of a distance by its signature, for a path to a weight file is nobody else's business. That is
all one needs to score the kept features again, and it is not enough to compute others.
"""

from dataclasses import dataclass

from vstain_bench.errors import Undefined, UsageError
from vstain_bench.networks.encoders.definition import ENCODERS
from vstain_bench.types import Encoder, Rows, View


@dataclass(frozen=True)
class RecordedEncoder(Encoder):
    """An encoder of which only the signature is at hand."""

    recorded: str

    @property
    def signature(self) -> str:
        """The signature, as the table has it."""
        return self.recorded

    def encode(self, view: View) -> Rows:
        """Raise, for there is no network.

        Raises:
            Undefined: always.
        """
        raise Undefined(f"of the encoder '{self.recorded}' only recorded features are at hand")


@ENCODERS.register("recorded")
def recorded(argument: str) -> Encoder:
    """Return an encoder by its signature alone, enough to score features again that a run kept."""
    if not argument:
        raise UsageError(where="encoder 'recorded:'", found="no signature", expected="recorded:SIGNATURE")
    return RecordedEncoder(argument)
