"""From a recipe's name and the options to the recipe that is trained."""

from vstain_bench.base.config import change, parse_assignments, read_settings
from vstain_bench.errors import UsageError
from vstain_bench.models.contract import RECIPES, Recipe, match_steps
from vstain_bench.models.training.config import TrainConfig


def settle_recipe(config: TrainConfig) -> Recipe:
    """Return the recipe with the settings of ``--recipe``, ``--set``, ``--encoder-weights`` and ``--epochs``.

    Raises:
        UsageError: An unknown recipe or setting, or settings that contradict each other.
    """
    recipe = RECIPES[config.recipe]
    if config.recipe_file is not None:
        recipe = read_settings(recipe, config.recipe_file)
    assigned = change(recipe, parse_assignments(config.assignments), where="--set")
    if config.match_steps and (config.epochs is not None or assigned.total_epochs != recipe.total_epochs):
        raise UsageError(
            where="--match-steps",
            found="a number of epochs is given, too",
            expected="either: --match-steps is as many epochs as make the original's steps on these pairs",
            next_step="Leave one of them out.",
        )
    if config.encoder_weights is not None:
        assigned = _with_encoder_weights(assigned, config.encoder_weights, config.recipe)
    if config.epochs is not None:
        assigned = assigned.lasting(config.epochs)
    _require_crop(assigned, config.recipe)
    return assigned


def _with_encoder_weights(recipe: Recipe, choice: str, name: str) -> Recipe:
    if "encoder_weights" not in recipe.__dataclass_fields__:
        raise UsageError(
            where=f"--encoder-weights {choice}",
            found=f"recipe {name} has no pretrained encoder",
            next_step="Leave the option out.",
        )
    return change(recipe, {"encoder_weights": choice}, where="--encoder-weights")


def matched(config: TrainConfig, recipe: Recipe, pairs: int) -> Recipe:
    """Return the recipe with the epochs of ``--match-steps``, where that was asked for."""
    return match_steps(recipe, pairs) if config.match_steps else recipe


def _require_crop(recipe: Recipe, name: str) -> None:
    crop, multiple = recipe.crop, recipe.multiple
    if crop is None:
        return
    if crop % multiple:
        near = max(crop - crop % multiple, recipe.minimum_side)
        raise UsageError(
            where=f"recipe {name}, crop {crop}",
            found=f"it is no multiple of {multiple} px",
            expected=f"a multiple of {multiple} px, as the networks halve it",
            next_step=f"Pass --set crop={near}.",
        )
    if crop < recipe.minimum_side:
        raise UsageError(
            where=f"recipe {name}, crop {crop}",
            found="the networks cannot be trained on so few pixels",
            expected=f"at least {recipe.minimum_side} px",
            next_step=f"Pass --set crop={recipe.minimum_side}, or fewer layers.",
        )
