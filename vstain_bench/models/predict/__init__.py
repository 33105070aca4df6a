"""An adapter and H&E tiles become a folder of virtual IHC tiles, with where they come from beside them."""
