"""More than one conformation of a protein: models made in several ways, grouped, beside the control of each way."""

from af2jax.conformations.claims import Claim, Evidence
from af2jax.conformations.record import Found, State, States
from af2jax.conformations.study import look, states
from af2jax.conformations.ways import WAYS, Way

__all__ = ["WAYS", "Claim", "Evidence", "Found", "State", "States", "Way", "look", "states"]
