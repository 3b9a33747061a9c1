"""Reports: what the data are, how good a model is, and whether fine-tuning helped. Each is one page and its files."""
