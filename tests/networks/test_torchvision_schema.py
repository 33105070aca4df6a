"""torchvision can be imported after the preparation, whatever torch it was built for."""

import subprocess
import sys
import textwrap

import pytest


def run(program: str) -> str:
    """Run a program in a fresh interpreter and return what it prints."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_after_preparation_twice() -> None:
    program = """
        from vstain_bench.networks.torchvision_schema import prepare_torchvision
        prepare_torchvision()
        prepare_torchvision()
        import torch, torchvision
        prepare_torchvision()
        print(torchvision.models.alexnet.__name__, hasattr(torch.ops.torchvision, "nms"))
    """
    assert run(program) == "alexnet True"


def test_nothing_is_declared_where_the_operators_load() -> None:
    program = """
        from unittest import mock
        from vstain_bench.networks import torchvision_schema
        with mock.patch.object(torchvision_schema, "_operators_load", lambda: True):
            torchvision_schema.prepare_torchvision()
        print(torchvision_schema._declared)
    """
    assert run(program) == "[]"


def test_the_preparation_is_what_makes_the_import_work() -> None:
    """Premise: here torchvision's operators do not load; elsewhere there is nothing to prove."""
    from vstain_bench.networks.torchvision_schema import _operators_load

    if _operators_load():
        pytest.skip("this torchvision fits this torch")
    program = """
        try:
            import torchvision
        except RuntimeError as fault:
            print(fault)
    """
    assert run(program) == "operator torchvision::nms does not exist"


def test_importing_the_encoders_imports_no_vision_library() -> None:
    program = """
        import sys
        import vstain_bench.networks.encoders, vstain_bench.metrics
        print([name for name in ("torchvision", "timm", "lpips", "torch_fidelity", "rich") if name in sys.modules])
    """
    assert run(program) == "[]"
