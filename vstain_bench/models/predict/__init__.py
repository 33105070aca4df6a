"""An adapter and H&E tiles become a folder of virtual IHC tiles, with where they come from beside them."""

from vstain_bench.models.predict.config import PredictConfig
from vstain_bench.models.predict.job import Outcome, predict

__all__ = ["Outcome", "PredictConfig", "predict"]
