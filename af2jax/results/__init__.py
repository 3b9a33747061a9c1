"""Predictions as files."""

from af2jax.results.job import ranked, save_job
from af2jax.results.prediction import Prediction

__all__ = ["Prediction", "ranked", "save_job"]
