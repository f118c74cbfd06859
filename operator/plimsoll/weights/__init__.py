"""Where models come from: what a source says about its files, asked without downloading them."""
