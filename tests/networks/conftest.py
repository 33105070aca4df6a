from tests.networks.seeded_weights import seeded_weights

__all__ = ["seeded_weights"]
