"""Every constant of every recipe is the one in its authors' files, entered here a second time with file and line."""

import dataclasses
from collections import Counter

import pytest

import vstain_adapters  # noqa: F401  # registers the recipes
from vstain_bench.models.contract import RECIPES

# what no file of the authors says
OURS = "ours"

# field or property, value, where it stands: Jose-Miguel-Teixeira/CSSP2P-GAN 9032585, files below src/; the lines of
# conf/CSSP2PGAN_config.yaml stand in conf/BCEGAN_config.yaml and conf/P2PGAN_config.yaml, too
CSSP2P = [
    ("variant", "paper", OURS),
    ("generator_network", None, OURS),  # the variant's
    ("discriminator_network", None, OURS),  # the variant's
    ("backbone", "resnet50", "conf/CSSP2PGAN_config.yaml:101"),
    ("encoder_weights", "imagenet", "models/unet.py:287"),
    ("discriminator_width", 64, "conf/CSSP2PGAN_config.yaml:85"),
    ("discriminator_layers", 4, "conf/CSSP2PGAN_config.yaml:86"),
    ("lr", 5e-5, "conf/CSSP2PGAN_config.yaml:58"),
    ("gamma", 0.995, "conf/generator_scheduler/ExponentialLR.yaml:2"),
    ("beta1", 0.5, "conf/generator_optimizer/AdamW.yaml:4"),
    ("beta2", 0.999, "conf/generator_optimizer/AdamW.yaml:4"),
    ("weight_decay", 1e-5, "conf/CSSP2PGAN_config.yaml:59"),
    ("epochs", 200, "conf/CSSP2PGAN_config.yaml:69"),
    ("batch_size", 8, "conf/CSSP2PGAN_config.yaml:62"),
    ("crop", 512, "conf/HE_augmentations/GAN_train_augmentations.yaml:3"),
    ("horizontal_flip", True, "conf/HE_augmentations/GAN_train_augmentations.yaml:9"),
    ("vertical_flip", True, "conf/HE_augmentations/GAN_train_augmentations.yaml:5"),
    ("total_epochs", 200, "conf/CSSP2PGAN_config.yaml:69"),
    ("with_replacement", False, "datamodule/stain_dataset.py:278"),
    (
        "original_select",
        "lpips_vgg_unscaled",
        "conf/callbacks/GAN_train_callbacks.yaml:36, metrics/stain_metrics.py:135",
    ),
    ("original_precision", "bf16", "conf/CSSP2PGAN_config.yaml:114"),
    ("original_steps", 200 * -(-11_610 // 8), "epochs and batch above; HER2match has 11,610 training tiles"),
]
# conditioned, pyramid and CSS weight of each; a loss is one of the terms that are added without a factor, or is absent
ABLATION = {
    "bce": (False, 0.0, 0.0, "../README.md:63", "module/GAN_base_module.py:447", "module/GAN_base_module.py:447"),
    "cbce": (True, 0.0, 0.0, "conf/BCEGAN_config.yaml:67", *2 * ["module/GAN_base_module.py:447"]),
    "p2p": (True, 1.0, 0.0, "conf/P2PGAN_config.yaml:73", *2 * ["module/CSSP2PGAN.py:83"]),
    "cssp2p": (True, 1.0, 1.0, "conf/CSSP2PGAN_config.yaml:73", *2 * ["module/CSSP2PGAN.py:208"]),
}

# bupt-ai-cz/BCI 841bd52, files below PyramidPix2pix/
PYRAMID = [
    ("variant", "paper", OURS),
    ("octaves", 4, "options/base_options.py:58"),
    ("octave_weight", 25.0, "models/pix2pix_model.py:39, options/train_options.py:48-50"),
    ("adversarial_weight", 1.0, "models/pix2pix_model.py:252-253"),  # added without a factor
    ("generator_network", "resnet", "options/base_options.py:34"),
    ("width", 64, "options/base_options.py:31"),
    ("blocks", 9, "options/base_options.py:34"),
    ("discriminator_width", 64, "options/base_options.py:32"),
    ("discriminator_layers", 3, "options/base_options.py:35"),
    ("lr", 2e-4, "options/train_options.py:33"),
    ("beta1", 0.5, "options/train_options.py:32"),
    ("beta2", 0.999, "models/pix2pix_model.py:117-118"),
    ("epochs", 100, "options/train_options.py:30"),
    ("decay_epochs", 100, "options/train_options.py:31"),
    ("batch_size", 2, "options/base_options.py:45"),
    ("crop", None, "options/base_options.py:49"),  # preprocess none: neither resized nor cropped
    ("horizontal_flip", True, "options/base_options.py:50, data/base_dataset.py:104-108"),
    ("vertical_flip", False, "data/base_dataset.py:85-116"),  # there is none
    ("total_epochs", 200, "options/train_options.py:30-31"),
    ("with_replacement", False, "data/__init__.py:78"),
    ("original_select", "latest", "train.py:77-80"),  # the last epoch is a multiple of 20
    ("original_precision", "fp32", "train.py"),  # there is no other
    ("original_steps", 200 * 3896 // 2, "epochs and batch above; BCI has 3,896 training tiles"),
]

# lifangda01/AdaptiveSupervisedPatchNCE b113ed2; the launcher overrides the options' defaults
ASP = [
    ("variant", "paper", OURS),
    ("adversarial_weight", 1.0, "experiments/mist_launcher.py:26"),
    ("nce_weight", 10.0, "experiments/mist_launcher.py:27"),
    ("asp_weight", 10.0, "experiments/mist_launcher.py:35"),
    ("pyramid_weight", 10.0, "experiments/mist_launcher.py:33"),
    ("pyramid_weights", (0.015625, 0.03125, 0.0625, 0.125, 0.25, 1.0), "experiments/mist_launcher.py:34"),
    ("schedule", "lambda", "experiments/mist_launcher.py:36"),
    ("lookup", "linear", "experiments/mist_launcher.py:36"),
    ("layers", (0, 4, 8, 12, 16), "experiments/mist_launcher.py:28"),
    ("patches", 256, "experiments/mist_launcher.py:30"),
    ("temperature", 0.07, "experiments/mist_launcher.py:29"),
    ("projector_size", 256, "models/cpt_model.py:29"),
    ("width", 64, "options/base_options.py:35"),
    ("blocks", 6, "experiments/mist_launcher.py:20"),
    ("discriminator_width", 32, "experiments/mist_launcher.py:19"),
    ("discriminator_layers", 5, "experiments/mist_launcher.py:21"),
    ("lr", 2e-4, "options/train_options.py:37"),
    ("beta1", 0.5, "options/train_options.py:35"),
    ("beta2", 0.999, "options/train_options.py:36"),
    ("epochs", 30, "experiments/mist_launcher.py:15"),
    ("decay_epochs", 10, "experiments/mist_launcher.py:16"),
    ("batch_size", 1, "experiments/mist_launcher.py:42"),
    ("crop", 512, "experiments/mist_launcher.py:44-45"),
    ("horizontal_flip", True, "experiments/mist_launcher.py:46, data/base_dataset.py:119-121"),
    ("vertical_flip", False, "data/base_dataset.py:82-131"),  # there is none
    ("total_epochs", 40, "experiments/mist_launcher.py:15-16"),
    ("with_replacement", False, OURS),  # released draws with replacement: data/aligned_dataset.py:61
    ("original_select", "latest", "train.py:74-77"),  # the last epoch is a multiple of 5
    ("original_precision", "fp32", "train.py"),  # there is no other
    ("original_steps", 40 * 4642, "epochs above; MIST has 4,642 HER2 training tiles"),
]

CASES = [
    *(("asp", *row) for row in ASP),
    *(("pyramid_pix2pix", *row) for row in PYRAMID),
    *((name, *row) for name in ABLATION for row in CSSP2P),
    *((name, "conditioned", values[0], values[3]) for name, values in ABLATION.items()),
    *((name, "pyramid_weight", values[1], values[4]) for name, values in ABLATION.items()),
    *((name, "css_weight", values[2], values[5]) for name, values in ABLATION.items()),
]


@pytest.mark.parametrize(("recipe", "field", "value", "source"), CASES, ids=[f"{case[0]} {case[1]}" for case in CASES])
def test_a_constant_is_that_of_the_authors(recipe: str, field: str, value: object, source: str) -> None:
    found = getattr(RECIPES[recipe], field)
    assert found == value, f"{source} has {value}"
    assert type(found) is type(value)


@pytest.mark.parametrize("recipe", [*ABLATION, "pyramid_pix2pix", "asp"])
def test_the_table_names_every_field_once(recipe: str) -> None:
    named = Counter(field for name, field, _, _ in CASES if name == recipe)
    assert {field.name for field in dataclasses.fields(RECIPES[recipe])} <= set(named)
    assert set(named.values()) == {1}


def test_the_table_names_every_bundled_recipe() -> None:
    bundled = {name for name in RECIPES if type(RECIPES[name]).__module__.startswith("vstain_adapters.")}
    assert bundled == {name for name, _, _, _ in CASES}
