"""Models as adapters and recipes: the modules of this package are imported when the first of either is asked for."""

from vstain_bench.base.registry import provide

for _kind in ("adapter", "recipe"):
    provide(_kind, __name__)
