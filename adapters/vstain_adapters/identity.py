"""The identity: virtual IHC that is the H&E itself. The template of an adapter, and the lower bound of a model."""

from vstain_bench.models.contract import ADAPTERS, Adapter, Card, Loading, Model

CARD = Card(summary="the H&E unchanged", citation="none", licence="Apache-2.0")


def load(asked: Loading) -> Model:
    """Return the model that changes nothing; any tile fits it."""
    return Model(stain=lambda source: source)


ADAPTERS.register("identity")(Adapter(card=CARD, load=load))
