"""Files of models. Reading one never runs code."""
