"""New heads on what the network knows: for each residue, each chain or each pair, classes or numbers.

A head reads activations that the network hands out, and starts from zero: at step 0 every class is equally likely and
every number is the mean. Its parameters live under `task_heads/<name>` of the tree, beside DeepMind's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from af2jax.config import Config
from af2jax.data.labels import Label
from af2jax.errors import InputError
from af2jax.geometry.rigid import Rigid
from af2jax.heads import variant
from af2jax.heads.calibration import Calibration
from af2jax.losses import LOSSES
from af2jax.metrics import confidence
from af2jax.nn.layers import LayerNorm, final, masked_mean
from af2jax.schema import Features, Outputs, StructureOutput, Targets, Variants, blank
from af2jax.typing import Array, Bool, Float

SCOPE = "task_heads"
SINGLE = {
    "single": lambda outputs: outputs.single,
    "msa_first_row": lambda outputs: outputs.msa_first_row,
    "structure": lambda outputs: outputs.structure.single,
}
PAIR = {"pair": lambda outputs: outputs.pair}
READS = {"residue": SINGLE, "chain": SINGLE, "pair": PAIR, "binding": {"pae": lambda outputs: outputs.logits["pae"]}}
READS["variant"] = {"single": SINGLE["single"]}  # and the pair representation (`variant.sites`)
TAKEN = ("", "loss", "grad_norm", "skipped", "bad_example")  # names of metrics
BREAK = 100  # residue numbers between two molecules that are written as one chain


@dataclass(frozen=True)
class Head:
    """What a new head says, of what, and from which activations.

    Attributes:
        kind: "residue", "chain" (one answer for the whole), "pair", "variant" (one answer for each variant of a wild
            type, see `heads.variant`), or "binding": one answer for the whole, from two numbers alone, the mean
            predicted aligned error between the last molecule and the others and the last one's mean pLDDT (after
            Motmaen et al., PNAS 120, e2216697120, 2023). Molecules are chains, or parts of one whose residue numbers
            lie 100 apart.
        classes: of a classification, their number or their names, such as ("H", "E", "C"); kept as the number. Labels
            are 0 to classes - 1, and -1 where unknown.
        outputs: numbers of a regression, in place of classes; NaN where unknown.
        reads: "single", "msa_first_row" or "structure" (the structure module's activations); "": "single". Heads of
            pairs read "pair".
        pool: of "chain": "mean" over the residues, or "attention": a learnt weight for each.
        class_weights: of each class in the loss; (): all 1.
        mean, std: of the labels of a regression, which is learnt in units of `std` from `mean`; they are kept among the
            parameters (`offset` and `scale`, never trained), so that the head says numbers in the labels' own unit. Of
            variants `mean` is the value of the wild type.
        unit: of a regression's labels, such as "degrees Celsius", shown beside its numbers.
        names: of the classes; (): they are called "0", "1" and so on.
        calibration: of the probabilities of classes, on the validation part of the training that made its parameters;
            None before a training, or without such a part.
        mode: of "variant": "cached" (also ""), one pass of the wild type for all of its variants; or "full", one for
            each variant. In full mode the wild type has 0, so that `mean` must be 0.
        ranks: of "variant" with outputs: only the order of an assay's labels is learnt, so that assays in other units
            teach one head; its numbers have no unit and mean nothing beside those of another protein.
    """

    kind: str
    classes: int | Sequence[str] = 0
    outputs: int = 0
    reads: str = ""
    pool: str = "mean"
    class_weights: Sequence[float] = ()
    mean: float = 0.0
    std: float = 1.0
    unit: str = ""
    names: Sequence[str] = ()
    calibration: Calibration | Mapping | None = None
    mode: str = ""
    ranks: bool = False

    def __post_init__(self):
        if isinstance(self.calibration, Mapping):  # as a description in a file has it
            object.__setattr__(self, "calibration", Calibration.of(self.calibration))
        if not isinstance(self.classes, int):
            object.__setattr__(self, "names", tuple(self.classes))
            object.__setattr__(self, "classes", len(self.names))
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "class_weights", tuple(map(float, self.class_weights)))  # hashable, if it was a list
        if self.kind not in READS:
            raise InputError(f'Head: kind "{self.kind}" is not known; give {", ".join(READS)}')
        if self.reads not in ("", *READS[self.kind]):
            raise InputError(
                f'Head: a "{self.kind}" head cannot read "{self.reads}"; it reads {" or ".join(READS[self.kind])}'
            )
        if (self.classes > 1) == (self.outputs > 0) or min(self.classes, self.outputs) < 0:
            raise InputError("Head: give either classes (2 or more) or outputs (1 or more)")
        if self.names and len(self.names) != self.classes:
            raise InputError(f"Head: {len(self.names)} names for {self.classes} classes")
        if not all(isinstance(n, str) and n.strip() for n in self.names) or len({*self.names}) < len(self.names):
            raise InputError(f"Head: classes {list(self.names)} must have different names")
        self._check_variant()
        if self.unit and not self.outputs:
            raise InputError(f'Head: classes have no unit; "{self.unit}" belongs to a head with outputs')
        if self.pool not in ("mean", "attention"):
            raise InputError(f'Head: pool "{self.pool}" is not known; give mean or attention')
        if self.class_weights and len(self.class_weights) != self.classes:
            raise InputError(f"Head: {len(self.class_weights)} class_weights for {self.classes} classes")
        if not (np.isfinite(self.class_weights).all() and min(self.class_weights, default=1) >= 0):
            raise InputError(f"Head: class_weights={list(self.class_weights)} must be 0 or more")
        if not (np.isfinite(self.mean) and np.isfinite(self.std) and self.std > 0):
            raise InputError(f"Head: mean={self.mean} and std={self.std} must be numbers, and std positive")

    def _check_variant(self) -> None:
        if self.kind != "variant":
            if self.mode or self.ranks:
                raise InputError(f'Head: mode and ranks are of "variant" heads; this one is "{self.kind}"')
            return
        object.__setattr__(self, "mode", self.mode or variant.MODES[0])
        if self.mode not in variant.MODES:
            raise InputError(f'Head: mode "{self.mode}" is not known; give {" or ".join(variant.MODES)}')
        if self.outputs > 1 or (self.ranks and self.classes):
            raise InputError('Head: a "variant" head has classes or outputs=1, and ranks=True needs outputs=1')
        if self.mode == "full" and self.mean:
            raise InputError(f"Head: in full mode the wild type has 0, so give mean=0, not {self.mean}")

    @property
    def size(self) -> int:
        """The length of the last axis of what the head says."""
        return self.classes or self.outputs

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the classes, "0", "1" and so on where none are given; () of a regression."""
        return tuple(self.names) or tuple(map(str, range(self.classes)))

    @property
    def judged(self) -> bool:
        """Whether `af2jax evaluate` and `compare` judge it: not heads of pairs, or of several numbers."""
        return self.kind != "pair" and self.outputs < 2

    @property
    def column(self) -> Label:
        """How the cells of a table are read that have its labels."""
        limits = self.kind == "variant" and bool(self.outputs)
        of = self.kind == "residue", self.classes, tuple(self.names), self.kind == "pair", self.outputs or 1
        return Label(*of, limits)

    @property
    def temperature(self) -> float:
        """What logits of classes are divided by; 1.0 without a calibration."""
        return self.calibration.temperature if self.calibration else 1.0

    @property
    def source(self) -> str:
        """The activations that it reads."""
        return self.reads or next(iter(READS[self.kind]))


class TaskHead(nn.Module):
    """Logits of classes or numbers: [N_res n], [n] or [N_res N_res n]."""

    head: Head

    @nn.compact
    def __call__(self, outputs: Outputs, features: Features) -> Array:
        head, mask = self.head, features.seq_mask
        if head.kind == "binding":
            x = interface(outputs, features)
        else:
            x = LayerNorm(name="norm_in")(READS[head.kind][head.source](outputs))
        if head.kind == "chain":
            x = self.pooled(x, mask)
        y = final(head.size, name="logits")(x)
        if head.outputs:
            unit = {"scale": head.std, "offset": head.mean}
            scale, offset = (self.param(n, nn.initializers.constant(x), (head.outputs,)) for n, x in unit.items())
            y = y * jnp.broadcast_to(scale, y.shape) + jnp.broadcast_to(offset, y.shape)
        return y

    def pooled(self, x: Array, mask: Bool[Array, " N_res"]) -> Array:
        """[c] of [N_res c]."""
        if self.head.pool == "mean":
            return masked_mean(x, jnp.broadcast_to(mask[:, None], x.shape), 0)
        weights = jnp.where(mask[:, None], final(1, name="pool")(x), -1e9)
        return jnp.sum(jax.nn.softmax(weights, axis=0) * x, axis=0)


def interface(outputs: Outputs, features: Features) -> Array:
    """[2]: the mean PAE between the last molecule and the others (in 10 angstrom), its mean pLDDT (in 100)."""
    mask = features.seq_mask
    molecule = jnp.cumsum(jnp.append(jnp.zeros(1, jnp.int32), starts(features).astype(jnp.int32)))
    last = (molecule == jnp.max(jnp.where(mask, molecule, 0))) & mask
    others = ~last & mask
    across = (last[:, None] & others[None]) | (others[:, None] & last[None])
    pae = masked_mean(confidence.pae(outputs.logits["pae"]), across, (0, 1))
    return jnp.stack([pae / 10, masked_mean(confidence.plddt(outputs.logits["plddt"]), last, 0) / 100])


def starts(x: Features | Targets):
    """Where a molecule begins, of residues 1 on: bool [... N_res - 1], for an example or a batch."""
    chains, numbers = (ids[..., 1:] - ids[..., :-1] for ids in (x.asym_id, x.residue_index))
    return ((chains != 0) | (abs(numbers) >= BREAK)) & x.seq_mask[..., 1:]


def init(heads: Mapping[str, Head], config: Config) -> dict:
    """The first parameters of new heads: zeros, and LayerNorms of ones.

    Raises:
        InputError: a name is taken by a loss or a metric, or a head reads what this network does not have.
    """
    for name, head in heads.items():
        if name in LOSSES or name in TAKEN or "/" in name:
            raise InputError(f'a new head cannot be called "{name}": a loss or metric has that name, or it holds a "/"')
        if head.source == "pae" and not config.heads.pae:
            raise InputError(f'head "{name}" needs the PAE head, which {config.name} lacks; load a "_ptm" preset')
    outputs, features = _nothing(config), jax.tree.map(jnp.asarray, blank(config))
    ask = lambda head: TaskHead(head).init(jax.random.key(0), outputs, features)["params"]
    found = variant.sites(outputs, jnp.ones(1, bool))
    return {
        n: variant.init(_variant(head), found) if head.kind == "variant" else ask(head) for n, head in heads.items()
    }


def _nothing(config: Config) -> Outputs:
    """What heads may read, of one residue, as zeros."""
    frames = Rigid.identity((1,), jnp.float32)
    structure = StructureOutput(
        frames, None, None, frames, *[None] * 4, single=jnp.zeros((1, config.structure.channels))
    )
    logits = {"pae": jnp.zeros((1, 1, 64)), "plddt": jnp.zeros((1, config.heads.plddt))}
    first_row, pair = jnp.zeros((1, config.evoformer.channels)), jnp.zeros((1, 1, config.c_z))
    return Outputs(None, first_row, pair, jnp.zeros((1, config.c_s)), structure, logits)


def label(params: dict) -> dict:
    """Labels of one head's parameters: all train but the unit of a regression."""
    return {key: jax.tree.map(lambda _: "train", x) if isinstance(x, dict) else "freeze" for key, x in params.items()}


def apply(heads: Mapping[str, Head], params: dict, outputs: Outputs, features: Features) -> dict[str, Array]:
    """What each head says, by name: logits of classes, or numbers in the labels' own unit. Heads of variants do not
    answer of a sequence alone (`apply_variants`)."""
    own = {name: head for name, head in heads.items() if head.kind != "variant"}
    return {name: TaskHead(head).apply({"params": params[name]}, outputs, features) for name, head in own.items()}


def apply_variants(
    head: Head,
    params: dict,
    wild: Float[Array, "N_res c"],
    changed: Float[Array, "N_var N_mut c"] | None,
    variants: Variants,
) -> Float[Array, "N_var n"]:
    """What a "variant" head says of each variant: logits of classes, or a number in the labels' unit.

    Args:
        params: of this head.
        wild: `sites` of the wild type.
        changed: `sites` of each variant at the residues that it changes; of no meaning in cached mode.
    """
    return _variant(head).apply({"params": params}, variant.at(wild, variants), changed, variants)


def _variant(head: Head) -> variant.VariantHead:
    return variant.VariantHead(head.mode, head.size, bool(head.outputs), head.mean, head.std)
