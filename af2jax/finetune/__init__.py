"""Fine-tuning: what trains, new heads, adapters, one step of training, and the loop around it.

Names are loaded when they are first used, so that to read a run is not to prepare a training.
"""

from af2jax.lazy import attributes

_PUBLIC = {
    "TrainState": "af2jax.finetune.state:TrainState",
    "Training": "af2jax.finetune.config:Training",
    "adamw": "af2jax.finetune.optimizer:adamw",
    "changes": "af2jax.finetune.summary:changes",
    "distill": "af2jax.finetune.self_distillation:distill",
    "eval_step": "af2jax.finetune.step:eval_step",
    "explain_skip": "af2jax.finetune.step:explain_skip",
    "fit": "af2jax.finetune.loop:fit",
    "init": "af2jax.finetune.state:init",
    "layerwise": "af2jax.finetune.optimizer:layerwise",
    "masked": "af2jax.finetune.optimizer:masked",
    "train_step": "af2jax.finetune.step:train_step",
}

__all__ = list(_PUBLIC)
__getattr__ = attributes(__name__, _PUBLIC)
