"""Fine-tuning: what trains, new heads, adapters, and one step of training."""

from af2jax.finetune.config import Training
from af2jax.finetune.distill import distill
from af2jax.finetune.loop import fit
from af2jax.finetune.optimizer import adamw, layerwise, masked
from af2jax.finetune.state import TrainState, init
from af2jax.finetune.step import eval_step, explain_skip, train_step
from af2jax.finetune.summary import changes

__all__ = [
    "TrainState",
    "Training",
    "adamw",
    "changes",
    "distill",
    "eval_step",
    "explain_skip",
    "fit",
    "init",
    "layerwise",
    "masked",
    "train_step",
]
