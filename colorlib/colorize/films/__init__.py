"""Color films: frame by frame, with colors that stay steady."""
