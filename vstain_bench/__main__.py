"""``python -m vstain_bench``: the command, also under ``torchrun -m`` and ``accelerate launch -m``."""

from vstain_bench.cli.main import main

if __name__ == "__main__":
    main()
