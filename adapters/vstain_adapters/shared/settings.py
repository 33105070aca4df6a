"""Types that the settings of several recipes share."""

from typing import Annotated, Literal

from pydantic import Field

Variant = Literal["paper", "released"]
"""What the paper says, or what its authors' code does where the two differ; the model cards say what that is."""
Fraction = Annotated[float, Field(ge=0, le=1)]
