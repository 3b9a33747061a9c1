"""The weighted total of the losses (supplement, section 1.9), and the registry of what may be in it."""

from collections.abc import Callable, Container, Iterable, Mapping

import jax
import jax.numpy as jnp

from af2jax.errors import InputError, nearest
from af2jax.losses import auxiliary, center, confidence, fape, torsion, violation
from af2jax.schema import Outputs, Targets
from af2jax.typing import Array, Float

# Every known term, each a scalar. Add your own: LOSSES["radius"] = lambda outputs, targets: ...
LOSSES: dict[str, Callable[[Outputs, Targets], Array]] = {
    "masked_msa": auxiliary.masked_msa,
    "distogram": auxiliary.distogram,
    "resolved": auxiliary.resolved,
    "plddt": confidence.plddt,
    "pae": confidence.pae,
    "fape": fape.backbone,
    "fape_last": fape.backbone_last,
    "sidechain_fape": fape.side_chains,
    "chi": torsion.chi,
    "angle_norm": torsion.angle_norm,
    "violation": violation.violation,
    "center_of_mass": center.center_of_mass,
}

# DeepMind's, for one chain and for complexes; a term of weight 0 is reported and does not count.
WEIGHTS: dict[str, float] = {
    "masked_msa": 2.0,
    "distogram": 0.3,
    "resolved": 0.01,
    "plddt": 0.01,
    "pae": 0.1,
    "fape": 0.5,
    "fape_last": 0.0,
    "sidechain_fape": 0.5,
    "chi": 0.5,
    "angle_norm": 0.01,
    "violation": 1.0,
}
_HEADS = ("masked_msa", "distogram", "resolved", "plddt", "pae")  # terms that read the logits of their name


def default_weights(outputs: Outputs) -> dict[str, float]:
    """`WEIGHTS` of the terms whose heads `outputs` has."""
    return {name: weight for name, weight in WEIGHTS.items() if name not in _HEADS or name in outputs.logits}


def total(
    outputs: Outputs, targets: Targets, weights: Mapping[str, float] | None = None
) -> tuple[Float[Array, ""], dict[str, Array]]:
    """The weighted sum of losses, and every term by name, not weighted, with the sum as "loss".

    `weights` names the terms that count, and no others do; None: `default_weights(outputs)`. To change one weight of
    DeepMind's: `default_weights(outputs) | {"chi": 1.0}`.

    Raises:
        InputError: a name is not in `LOSSES`, or its head not in `outputs`.
    """
    weights = default_weights(outputs) if weights is None else weights
    check(weights, outputs.logits)
    outputs, targets = jax.tree.map(jnp.asarray, (outputs, targets))
    terms = {name: LOSSES[name](outputs, targets) for name in weights}
    loss = sum((weights[name] * term for name, term in terms.items()), jnp.zeros(()))
    return loss, {"loss": loss, **terms}


def check(names: Iterable[str], heads: Container[str]) -> None:
    """Looks at the names of losses, for a network that has `heads`.

    Raises:
        InputError: a name is not in `LOSSES`, or needs a head that is not in `heads`.
    """
    for name in names:
        if name not in LOSSES:
            raise InputError(f'no loss is called "{name}"{nearest(name, LOSSES)} (known: {", ".join(LOSSES)})')
        if name in _HEADS and name not in heads:
            raise InputError(f'the loss "{name}" needs the head "{name}", which this model does not have')
