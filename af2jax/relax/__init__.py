"""Relaxation of structures with OpenMM: the extra `af2jax[relax]`."""

from af2jax.relax.minimise import Relaxed, check_settings, relax
from af2jax.relax.system import available

__all__ = ["Relaxed", "available", "check_settings", "relax"]
