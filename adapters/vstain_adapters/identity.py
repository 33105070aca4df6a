"""The identity: virtual IHC that is the H&E itself. The template of an adapter, and the lower bound of a model."""

from pathlib import Path

from vstain_bench.adapters import ADAPTERS, Adapter, Card, Stain
from vstain_bench.errors import UsageError


def load(weights: Path | None) -> Stain:
    """Return the stain that changes nothing; it takes no weights."""
    if weights is not None:
        raise UsageError(where=f"--weights {weights}", found="the identity has no weights", next_step="Leave them out.")
    return lambda source: source


ADAPTERS.register("identity")(Adapter(Card(summary="the H&E unchanged", citation="none", licence="Apache-2.0"), load))
