"""Every preset of the network, each as a difference from another (supplement, Table 5 and section 1.11).

A `Config` describes an architecture and how its inputs are prepared; it holds no run-time choices (see
`af2jax.nn.runtime.Runtime`). Names follow DeepMind's parameter files; `canonical` accepts the other spellings in use.
"""

import dataclasses
import re
from dataclasses import dataclass, field, replace

from af2jax.errors import InputError, nearest


@dataclass(frozen=True)
class PairStack:
    """Widths of the triangle updates and the transition of a pair representation (Algorithms 11 to 15)."""

    mul: int = 128  # channels of triangle multiplication
    heads: int = 4
    head_dim: int = 32
    transition: int = 4  # widening factor
    dropout: float = 0.25


@dataclass(frozen=True)
class MsaStack:
    """Widths of one stack of MSA blocks (Algorithm 6, or 18 with `global_column`)."""

    blocks: int = 48
    channels: int = 256
    heads: int = 8
    head_dim: int = 32
    transition: int = 4
    outer: int = 32  # channels of the outer product
    global_column: bool = False  # Algorithm 19 in place of Algorithm 8
    dropout: float = 0.15
    pair: PairStack = PairStack()


@dataclass(frozen=True)
class Template:
    """Template embedding (Algorithms 16 and 17)."""

    blocks: int = 2
    channels: int = 64
    fusion: str = "attention"  # "attention": Algorithm 17; "mean": AlphaFold-Multimer
    heads: int = 4  # of the pointwise attention
    head_dim: int = 16
    torsion_features: int = 57  # 22 + 14 + 14 + 7; AlphaFold-Multimer: 22 + 3 * 4
    pair: PairStack = PairStack(mul=64, head_dim=16, transition=2)


@dataclass(frozen=True)
class Structure:
    """Structure module (Algorithms 20 to 23)."""

    layers: int = 8
    channels: int = 384
    heads: int = 12
    scalar_qk: int = 16
    scalar_v: int = 16
    point_qk: int = 4
    point_v: int = 8
    qkv_bias: bool = True
    position_scale: float = 10.0  # angstrom per unit of the module's translations
    torsion_channels: int = 128
    dropout: float = 0.1


@dataclass(frozen=True)
class Heads:
    """Classes of the output heads; 0 means that the head is absent."""

    distogram: int = 64
    masked_msa: int = 23
    resolved: int = 37
    plddt: int = 50
    plddt_channels: int = 128
    pae: int = 0


@dataclass(frozen=True)
class Data:
    """How an alignment becomes features (supplement, section 1.2)."""

    clusters: int = 512  # rows of the clustered MSA
    extra: int = 5120  # rows of the extra MSA
    mask_fraction: float = 0.15
    max_templates: int = 4
    clamped: float = 0.9  # share of training examples whose backbone FAPE is clamped (section 1.11.5)
    mask_target: float = 0.0  # share of training examples whose masked query residues are hidden in all inputs


@dataclass(frozen=True)
class Config:
    """One architecture. `dataclasses.replace` makes variants."""

    name: str = "model_1"
    target_features: int = 22
    relpos: str = "residue"  # "residue": Algorithm 4; "chain": entity and copy features too
    relpos_max: int = 32
    relpos_max_chain: int = 2
    opm_first: bool = False  # outer product mean at the start of a block
    c_z: int = 128
    c_s: int = 384
    split: tuple[int, ...] = ()  # the Evoformer as several stacks, for example (44, 4)
    template: Template | None = Template()
    extra_msa: MsaStack = MsaStack(blocks=4, channels=64, head_dim=8, global_column=True)
    evoformer: MsaStack = MsaStack()
    structure: Structure = Structure()
    heads: Heads = Heads()
    data: Data = field(default_factory=lambda: Data(clusters=508))
    num_recycle: int = 3
    recycle_tolerance: float = 0.0  # early stop when CA distances change less (angstrom); 0 never stops
    triangle_layout: str = "separate"  # how DeepMind's file of this preset stores triangle multiplication
    remark: str = ""  # what every prediction of this preset must say


def _presets() -> dict[str, Config]:
    one = Config()
    three = replace(one, template=None, data=Data())
    monomer = {
        "model_1": one,
        "model_2": replace(one, data=replace(one.data, extra=1024)),
        "model_3": three,
        "model_4": three,
        "model_5": replace(three, data=replace(three.data, extra=1024)),
    }
    ptm = {f"{n}_ptm": replace(c, heads=replace(c.heads, pae=64)) for n, c in monomer.items()}
    v1 = replace(
        ptm["model_1_ptm"],
        target_features=21,
        relpos="chain",
        opm_first=True,
        template=replace(one.template, fusion="mean", torsion_features=34),
        structure=replace(one.structure, qkv_bias=False, position_scale=20.0),
        heads=replace(one.heads, masked_msa=22, pae=64),
        data=Data(clusters=252, extra=1152, clamped=1.0),
    )
    v3 = replace(
        v1,
        data=Data(clusters=508, extra=2048, clamped=1.0),
        num_recycle=20,
        recycle_tolerance=0.5,
        triangle_layout="fused",
    )
    multimer = {}
    for i in range(1, 6):
        multimer[f"model_{i}_multimer"] = multimer[f"model_{i}_multimer_v2"] = v1
        multimer[f"model_{i}_multimer_v3"] = v3 if i < 4 else replace(v3, data=replace(v3.data, extra=1152))
    pair = PairStack(mul=8, heads=2, head_dim=4, transition=2)
    tiny = replace(
        ptm["model_1_ptm"],
        c_z=16,
        c_s=24,
        template=replace(one.template, blocks=1, channels=8, heads=2, head_dim=4, pair=pair),
        extra_msa=MsaStack(1, 8, 2, 4, transition=2, outer=4, global_column=True, pair=pair),
        evoformer=MsaStack(2, 16, 2, 8, transition=2, outer=4, pair=pair),
        structure=replace(one.structure, layers=2, channels=24, heads=2, scalar_qk=4, scalar_v=4, torsion_channels=16),
        heads=replace(one.heads, plddt_channels=16, pae=64),
        data=Data(clusters=12, extra=24),
    )
    pair = PairStack(mul=32, heads=2, head_dim=16, transition=2)
    mini = replace(
        ptm["model_3_ptm"],
        c_z=32,
        c_s=96,
        extra_msa=MsaStack(1, 16, 4, 4, transition=2, outer=8, global_column=True, pair=pair),
        evoformer=MsaStack(4, 64, 4, 16, transition=2, outer=8, pair=pair),
        structure=replace(one.structure, layers=4, channels=96, heads=6, scalar_qk=8, scalar_v=8, torsion_channels=64),
        heads=replace(one.heads, plddt_channels=48, pae=64),
        data=Data(clusters=8, extra=16),
        num_recycle=1,
        remark="af2jax-mini, a small network for learning, tests and demonstrations: not for science",
    )
    small = {"tiny": tiny, "mini": mini}
    return {n: replace(c, name=n) for n, c in (monomer | ptm | multimer | small).items()}


PRESETS = _presets()


def canonical(name: str) -> str:
    """The preset that `name` means: "params_model_1_ptm.npz", "alphafold2_ptm_model_1" and "model_1_ptm" are one.

    Raises:
        InputError: no preset has that name.
    """
    text = re.sub(r"^params_|\.npz$", "", str(name).strip().lower().replace("-", "_"))
    if found := re.fullmatch(r"alphafold2(_ptm|_multimer|_multimer_v[123])?(?:_model)?_?([1-5])", text):
        text = f"model_{found[2]}{found[1] or ''}"
    text = text.replace("_multimer_v1", "_multimer")
    if text not in PRESETS:
        raise InputError(
            f'no preset is called "{name}"{nearest(text, PRESETS)}'
            " (presets: model_1 to model_5, each also with _ptm, _multimer, _multimer_v2 or _multimer_v3)"
        )
    return text


def graph(config: Config) -> Config:
    """What is compiled: presets that differ in weights, in inputs, or in how often they recycle are equal."""
    one = Config()
    names = ("name", "data", "num_recycle", "recycle_tolerance", "triangle_layout", "remark")
    return replace(config, **{name: getattr(one, name) for name in names})


def family(name: str) -> list[str]:
    """The presets that `name` means: one, or the five of a model type of ColabFold's, such as "alphafold2_ptm".

    Raises:
        InputError: no preset has that name.
    """
    kind = re.fullmatch(r"alphafold2(_ptm|_multimer_v[123])?", str(name).strip().lower().replace("-", "_"))
    return [canonical(f"model_{i}{kind[1] or ''}") for i in range(1, 6)] if kind else [canonical(name)]


def preset(name: str, split: tuple[int, ...] = ()) -> Config:
    """The configuration called `name`, its Evoformer in stacks of `split` blocks each.

    Raises:
        InputError: no such preset, or `split` does not add up to its number of blocks.
    """
    config = PRESETS[canonical(name)]
    split = tuple(split)
    if split and (min(split) < 1 or sum(split) != config.evoformer.blocks):
        raise InputError(f"split={split} must be positive and add up to the {config.evoformer.blocks} Evoformer blocks")
    return dataclasses.replace(config, split=split)
