"""af2jax: AlphaFold 2 in JAX/Flax, for fine-tuning.

The public names are loaded when they are first used, so that `import af2jax` is quick.
"""

from af2jax.lazy import attributes

_PUBLIC = {
    "load": "af2jax.finetune.run:load",
    "features": "af2jax.data.pipeline:features",
    "example": "af2jax.data.examples:example",
    "stack": "af2jax.data.batch:stack",
    "forward": "af2jax.model.recycle:forward",
    "predict": "af2jax.inference:predict",
    "answer": "af2jax.screening:answer",
    "score": "af2jax.scoring:score",
    "scan": "af2jax.screening:scan",
    "find": "af2jax.folds.find:find",
    "states": "af2jax.conformations:states",
    "explore": "af2jax.audit.explore:explore",
    "evaluate": "af2jax.evaluation.evaluate:evaluate",
    "compare": "af2jax.evaluation.comparison:compare",
    "page": "af2jax.report.pages:page",
    "export": "af2jax.pretrained.export:export",
    "label": "af2jax.finetune.rules:label",
    "mask": "af2jax.finetune.rules:mask",
    "recipe": "af2jax.finetune.rules:recipe",
    "summary": "af2jax.finetune.summary:summary",
    "Head": "af2jax.heads:Head",
    "finetune": "af2jax.finetune",
    "lora": "af2jax.finetune.lora",
    "losses": "af2jax.losses",
    "interop": "af2jax.data.interop",
    "pretrained": "af2jax.pretrained",
    "InputError": "af2jax.errors:InputError",
    "WeightsError": "af2jax.errors:WeightsError",
    "Runtime": "af2jax.nn.runtime:Runtime",
}

__all__ = list(_PUBLIC)
__getattr__ = attributes(__name__, _PUBLIC)
