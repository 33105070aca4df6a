"""Control rows: trivial outputs scored like a model. A model at or below one of them has shown nothing.

On four real BCI tiles the mean colour of the real tile reaches SSIM 0.591 where a published model reaches 0.414, and
the real IHC of another patient 0.382: a table without these rows cannot be read.

One file each; adding a file is enough.
"""

from vstain_bench.measure.controls.choice import choose_partners, choose_subset
from vstain_bench.measure.controls.definition import CONTROLS, OTHERS, PARTNER, PREFIX, Control, Role, control

__all__ = ["CONTROLS", "OTHERS", "PARTNER", "PREFIX", "Control", "Role", "choose_partners", "choose_subset", "control"]
