"""The qualitative figure of a paper: H&E, real IHC and every model, one row per label, tiles chosen by a rule."""
