"""Chat templates: how messages become the text that a model was trained on."""
