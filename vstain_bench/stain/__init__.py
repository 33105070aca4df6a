"""From light to stain: optical density, slides, nuclei, registration."""
