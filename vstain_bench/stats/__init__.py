"""Statistics over patients: pure functions on arrays that return values; words and formats are those of ``present``.

One file a subject, the rule and its source in its docstring, simulated in benchmarks/statistics:

- ``means``: the mean over patients with Student's t (the headline), the mean over tiles beside it, cautions of a row
- ``distances``: FID and its relatives: log interval, share of bias, swap of patients, equal numbers of tiles
- ``kernel_between``: KID between patients, with its interval and the shares that tests need
- ``family``: step-down max-T over metrics, models or pairs of models
- ``places``: places, joint ranks, bold, letters;  ``digits``: how many to show
- ``marks``: what controls say;  ``noninferiority``: a run against its baseline;  ``equivalence``: within a margin
- ``rates``: shares of tiles;  ``power``: patients needed;  ``interaction``: model and label;  ``trainings``: seeds

``intervals`` (``bootstrap_mean``), ``paired`` (``win_rate``) and ``significance`` (Holm over all metrics)
are the rules that tables and comparisons use until they are wired to these.
"""
