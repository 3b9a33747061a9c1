"""Predictions as files."""

from af2jax.results.job import ranked, save_job
from af2jax.results.prediction import Prediction
from af2jax.results.tables import answers, table_names

__all__ = ["Prediction", "answers", "ranked", "save_job", "table_names"]
