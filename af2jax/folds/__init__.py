"""Proteins by their fold: an index of structures, the search in it, and structural neighbours across a data set."""
