"""DeepMind's parameter files: one table from their keys to our paths, and the two functions that read it.

The table is built from a preset's `Config` and must balance: every array of the file is read once, every parameter of
the network is set once. `tests/pretrained` holds it against the network's own parameters.
"""

from dataclasses import dataclass

import numpy as np

from af2jax.config import Config, MsaStack, PairStack, preset
from af2jax.errors import WeightsError
from af2jax.pretrained.layout import Fix, Shape, headed, points, reshape, side_by_side
from af2jax.pretrained.tree import flatten, join_stacks, unflatten

SCOPE = "alphafold/alphafold_iteration/"


@dataclass(frozen=True)
class TableRow:
    """One line of the table: arrays `theirs` become parameters `ours` by `fix`, behind `stacked` leading axes."""

    theirs: tuple[str, ...]
    ours: tuple[str, ...]
    fix: Fix
    stacked: Shape

    @property
    def shapes(self) -> dict[str, Shape]:
        """The shapes that the file must have."""
        return {n: self.stacked + s for n, s in zip(self.theirs, self.fix.shapes, strict=True)}


class Table:
    """Collects rows; `theirs` and `ours` of each method are scopes, their common start given by `at`."""

    def __init__(self, theirs: str = SCOPE, ours: str = "", stacked: Shape = (), rows: list[TableRow] | None = None):
        self.theirs, self.ours, self.stacked = theirs, ours, stacked
        self.rows = [] if rows is None else rows

    def at(self, theirs: str, ours: str, stacked: Shape | None = None) -> "Table":
        """The same table, seen from inner scopes."""
        stacked = self.stacked if stacked is None else stacked
        return Table(f"{self.theirs}{theirs}/", self.ours + ours + ("/" if ours else ""), stacked, self.rows)

    def add(self, theirs: str | tuple[str, ...], ours: str | tuple[str, ...], fix: Fix) -> None:
        """A row; `theirs` are "scope//leaf" within the current scope."""
        keys = (theirs,) if isinstance(theirs, str) else theirs
        paths = (ours,) if isinstance(ours, str) else ours
        keys = tuple((self.theirs + k).replace("///", "//") for k in keys)
        self.rows.append(TableRow(keys, tuple(self.ours + p for p in paths), fix, self.stacked))

    def linear(self, theirs: str, ours: str, c_in: int, c_out: int) -> None:
        self.add(f"{theirs}//weights", f"{ours}/kernel", reshape((c_in, c_out)))
        self.add(f"{theirs}//bias", f"{ours}/bias", reshape((c_out,)))

    def norm(self, theirs: str, ours: str, c: int) -> None:
        for leaf in ("scale", "offset"):
            self.add(f"{theirs}//{leaf}", f"{ours}/{leaf}", reshape((c,)))

    def attention(self, c_x: int, c_y: int, heads: int, dim: int, gated: bool = True, one_key: bool = False) -> None:
        """An attention module at scope "attention" of both; `one_key`: keys and values have no heads (Algorithm 19)."""
        here = self if one_key else self.at("attention", "attention")
        at = "attention//" if one_key else "//"

        def wide(c):
            return reshape((c, heads, dim), (c, heads * dim))

        key = reshape((c_y, dim)) if one_key else wide(c_y)
        here.add(f"{at}query_w", "q/kernel", wide(c_x))
        here.add(f"{at}key_w", "k/kernel", key)
        here.add(f"{at}value_w", "v/kernel", key)
        if gated:
            here.add(f"{at}gating_w", "gate/kernel", wide(c_x))
            here.add(f"{at}gating_b", "gate/bias", reshape((heads, dim), (heads * dim,)))
        here.add(f"{at}output_w", "out/kernel", reshape((heads, dim, c_x), (heads * dim, c_x)))
        here.add(f"{at}output_b", "out/bias", reshape((c_x,)))

    def transition(self, name: str, c: int, factor: int) -> None:
        here = self.at(name, name)
        here.norm("input_layer_norm", "norm_in", c)
        here.linear("transition1", "hidden", c, factor * c)
        here.linear("transition2", "out", factor * c, c)

    def pair_stack(self, c_z: int, c: PairStack, layout: str) -> None:
        """The triangle updates and the pair transition of one block."""
        for ours, theirs in (("tri_mul_out", "outgoing"), ("tri_mul_in", "incoming")):
            here = self.at(f"triangle_multiplication_{theirs}", ours)
            if layout == "fused":
                here.norm("left_norm_input", "norm_in", c_z)
                here.linear("projection", "ab", c_z, 2 * c.mul)
                here.linear("gate", "gate_ab", c_z, 2 * c.mul)
                here.norm("center_norm", "norm_out", c.mul)
            else:
                here.norm("layer_norm_input", "norm_in", c_z)
                for name, target in (("projection", "ab"), ("gate", "gate_ab")):
                    for leaf, ours_leaf, shape in (("weights", "kernel", (c_z, c.mul)), ("bias", "bias", (c.mul,))):
                        sides = (f"left_{name}//{leaf}", f"right_{name}//{leaf}")
                        here.add(sides, f"{target}/{ours_leaf}", side_by_side(shape))
                here.norm("center_layer_norm", "norm_out", c.mul)
            here.linear("output_projection", "out", c.mul, c_z)
            here.linear("gating_linear", "gate_out", c_z, c_z)
        for ours, theirs in (("tri_att_start", "starting"), ("tri_att_end", "ending")):
            here = self.at(f"triangle_attention_{theirs}_node", ours)
            here.norm("query_norm", "norm_in", c_z)
            here.add("//feat_2d_weights", "b/kernel", reshape((c_z, c.heads)))
            here.attention(c_z, c_z, c.heads, c.head_dim)
        self.transition("pair_transition", c_z, c.transition)

    def msa_stack(self, c: MsaStack, c_z: int, layout: str) -> None:
        """One block of the Evoformer or the extra-MSA stack."""
        row = self.at("msa_row_attention_with_pair_bias", "msa_row")
        row.norm("query_norm", "norm_m", c.channels)
        row.norm("feat_2d_norm", "norm_z", c_z)
        row.add("//feat_2d_weights", "b/kernel", reshape((c_z, c.heads)))
        row.attention(c.channels, c.channels, c.heads, c.head_dim)
        col = self.at(f"msa_column_{'global_' if c.global_column else ''}attention", "msa_col")
        col.norm("query_norm", "norm_m", c.channels)
        col.attention(c.channels, c.channels, c.heads, c.head_dim, one_key=c.global_column)
        self.transition("msa_transition", c.channels, c.transition)
        outer = self.at("outer_product_mean", "outer")
        outer.norm("layer_norm_input", "norm_in", c.channels)
        outer.linear("left_projection", "a", c.channels, c.outer)
        outer.linear("right_projection", "b", c.channels, c.outer)
        outer.add("//output_w", "out/kernel", reshape((c.outer, c.outer, c_z), (c.outer**2, c_z)))
        outer.add("//output_b", "out/bias", reshape((c_z,)))
        self.pair_stack(c_z, c.pair, layout)


def embedders(t: Table, c: Config) -> None:
    """Everything of their "evoformer" scope but the blocks and the templates."""
    c_m, c_z = c.evoformer.channels, c.c_z
    t = t.at("evoformer", "")
    t.linear("preprocess_1d", "input/target", c.target_features, c_m)
    t.linear("preprocess_msa", "input/msa", 49, c_m)
    t.linear("left_single", "input/left", c.target_features, c_z)
    t.linear("right_single", "input/right", c.target_features, c_z)
    t.linear("extra_msa_activations", "input/extra_msa", 25, c.extra_msa.channels)
    if c.relpos == "residue":
        t.linear("pair_activiations", "input/relpos", 2 * c.relpos_max + 1, c_z)
    else:
        features = 2 * c.relpos_max + 2 + 1 + 2 * c.relpos_max_chain + 2
        t.linear("~_relative_encoding/position_activations", "input/relpos", features, c_z)
    t.norm("prev_msa_first_row_norm", "recycle/norm_m", c_m)
    t.norm("prev_pair_norm", "recycle/norm_z", c_z)
    t.linear("prev_pos_linear", "recycle/distogram", 15, c_z)
    t.linear("single_activations", "single", c_m, c.c_s)


def templates(t: Table, c: Config) -> None:
    """Template embedding, in both of its forms."""
    o, c_t, c_m = c.template, c.template.channels, c.evoformer.channels
    rows = t.at("evoformer", "template_rows")
    rows.linear("template_single_embedding", "hidden", o.torsion_features, c_m)
    rows.linear("template_projection", "out", c_m, c_m)
    t = t.at("evoformer/template_embedding", "template")
    one = t.at("single_template_embedding", "")
    one.norm("output_layer_norm", "norm_out", c_t)
    if o.fusion == "attention":
        one.linear("embedding2d", "embed", 88, c_t)
        blocks = one.at("template_pair_stack/__layer_stack_no_state", "blocks", (o.blocks,))
        t.attention(c.c_z, c_t, o.heads, o.head_dim, gated=False)
    else:
        one.norm("query_embedding_norm", "norm_query", c.c_z)
        inputs = {"distogram": 39, "beta_mask": 0, "aatype_j": 22, "aatype_i": 22, "direction_x": 0, "direction_y": 0}
        inputs |= {"direction_z": 0, "frame_mask": 0, "query": c.c_z}
        for i, (name, c_in) in enumerate(inputs.items()):
            theirs, ours = f"template_pair_embedding_{i}", f"embed_{name}"
            one.add(f"{theirs}//weights", f"{ours}/kernel", reshape((c_in, c_t) if c_in else (c_t,), (c_in or 1, c_t)))
            one.add(f"{theirs}//bias", f"{ours}/bias", reshape((c_t,)))
        blocks = one.at("template_embedding_iteration", "blocks", (o.blocks,))
        t.linear("output_linear", "out", c_t, c.c_z)
    blocks.pair_stack(c_t, o.pair, c.triangle_layout)


def structure(t: Table, c: Config) -> None:
    """The structure module; its layers share one set of weights."""
    o, width, fused = c.structure, c.structure.channels, c.structure.qkv_bias
    t = t.at("structure_module", "structure")
    t.norm("single_layer_norm", "norm_s", c.c_s)
    t.norm("pair_layer_norm", "norm_z", c.c_z)
    t.linear("initial_projection", "initial", c.c_s, width)
    fold = t.at("fold_iteration", "")
    fold.norm("attention_layer_norm", "norm_ipa", width)
    fold.norm("transition_layer_norm", "norm_transition", width)
    for i in range(3):
        fold.linear(f"transition_{i}" if i else "transition", f"transition_{i}", width, width)
    fold.linear("affine_update" if fused else "quat_rigid/rigid", "backbone", width, 6)
    side = fold.at("rigid_sidechain", "torsions")
    side.linear("input_projection", "s", width, o.torsion_channels)
    side.linear("input_projection_1", "s_initial", c.c_s, o.torsion_channels)
    for i in range(2):
        suffix = f"_{i}" if i else ""
        side.linear(f"resblock1{suffix}", f"hidden_{i}", o.torsion_channels, o.torsion_channels)
        side.linear(f"resblock2{suffix}", f"out_{i}", o.torsion_channels, o.torsion_channels)
    side.linear("unnormalized_angles", "angles", o.torsion_channels, 14)

    ipa = fold.at("invariant_point_attention", "ipa")
    ipa.add("//trainable_point_weights", "gamma", reshape((o.heads,)))
    ipa.linear("attention_2d", "b", c.c_z, o.heads)
    outputs = o.heads * (o.scalar_v + 4 * o.point_v + c.c_z)
    ipa.linear("output_projection", "out", outputs, width)
    leaves = (("weights", "kernel", (width,)), ("bias", "bias", ()))
    for theirs, ours, c_in in leaves:
        if fused:
            ipa.add(f"q_scalar//{theirs}", f"q/{ours}", headed(c_in, o.heads, o.scalar_qk))
            kv = (f"k/{ours}", f"v/{ours}")
            ipa.add(f"kv_scalar//{theirs}", kv, headed(c_in, o.heads, o.scalar_qk, o.scalar_v))
            ipa.add(f"q_point_local//{theirs}", f"q_pt/{ours}", points(c_in, o.heads, o.point_qk, xyz_first=True))
            kv = (f"k_pt/{ours}", f"v_pt/{ours}")
            ipa.add(f"kv_point_local//{theirs}", kv, points(c_in, o.heads, o.point_qk, o.point_v, xyz_first=True))
            continue
        for name, dim in (("q", o.point_qk), ("k", o.point_qk), ("v", o.point_v)):
            theirs_name = f"{name}_point_projection/point_projection//{theirs}"
            ipa.add(theirs_name, f"{name}_pt/{ours}", points(c_in, o.heads, dim, xyz_first=False))
    if not fused:
        for name, dim in (("q", o.scalar_qk), ("k", o.scalar_qk), ("v", o.scalar_v)):
            wide = reshape((width, o.heads, dim), (width, o.heads * dim))
            ipa.add(f"{name}_scalar_projection//weights", f"{name}/kernel", wide)


def heads(t: Table, c: Config) -> None:
    """The output heads that the preset has."""
    o = c.heads
    t.linear("distogram_head/half_logits", "heads/distogram/logits", c.c_z, o.distogram)
    t.linear("masked_msa_head/logits", "heads/masked_msa/logits", c.evoformer.channels, o.masked_msa)
    t.linear("experimentally_resolved_head/logits", "heads/resolved/logits", c.c_s, o.resolved)
    if o.pae:
        t.linear("predicted_aligned_error_head/logits", "heads/pae/logits", c.c_z, o.pae)
    plddt = t.at("predicted_lddt_head", "heads/plddt")
    plddt.norm("input_layer_norm", "norm_in", c.structure.channels)
    plddt.linear("act_0", "hidden_0", c.structure.channels, o.plddt_channels)
    plddt.linear("act_1", "hidden_1", o.plddt_channels, o.plddt_channels)
    plddt.linear("logits", "logits", o.plddt_channels, o.plddt)


def table(config: Config) -> list[TableRow]:
    """Every row for one preset, the Evoformer as one stack."""
    t, layout = Table(), config.triangle_layout
    embedders(t, config)
    if config.template:
        templates(t, config)
    for theirs, ours, c in (
        ("evoformer/extra_msa_stack", "extra_msa/blocks", config.extra_msa),
        ("evoformer/evoformer_iteration", "evoformer/blocks", config.evoformer),
    ):
        t.at(theirs, ours, (c.blocks,)).msa_stack(c, config.c_z, layout)
    structure(t, config)
    heads(t, config)
    return t.rows


def shapes(config: Config) -> dict[str, Shape]:
    """The keys and shapes of DeepMind's file of a preset."""
    return {key: shape for row in table(config) for key, shape in row.shapes.items()}


def from_deepmind(flat: dict, name: str) -> dict:
    """The parameters of preset `name` from `{"scope//name": array}`, exactly the keys of the .npz.

    Raises:
        WeightsError: an array is missing, unexpected or misshapen; the message lists them.
    """
    config = preset(name)
    expected, found = shapes(config), {k: tuple(np.shape(v)) for k, v in flat.items()}
    if found != expected:
        raise WeightsError(f"not the arrays of {config.name}: {difference(found, expected)}")
    ours = {}
    for row in table(config):
        ours |= zip(row.ours, row.fix.import_(*(flat[k] for k in row.theirs)), strict=True)
    return unflatten(ours)


def to_deepmind(params: dict, name: str) -> dict:
    """The inverse of `from_deepmind`, for any tree shaped like the parameters of `name`; split stacks are rejoined.

    Raises:
        WeightsError: the tree lacks a parameter of the preset, or has another.
    """
    config, theirs = preset(name), {}
    flat = flatten(join_stacks(params))
    rows = table(config)
    ours = {path for row in rows for path in row.ours}
    if wrong := ours ^ flat.keys():
        raise WeightsError(f"not a parameter tree of {config.name}: missing or unexpected {_some(sorted(wrong))}")
    for row in rows:
        theirs |= zip(row.theirs, row.fix.export(*(flat[path] for path in row.ours)), strict=True)
    return theirs


def difference(found: dict[str, Shape], expected: dict[str, Shape]) -> str:
    """In words: what `found` lacks, has too much, and has in another shape."""
    parts = []
    if missing := sorted(expected.keys() - found.keys()):
        parts.append(f"{len(missing)} missing: {_some(missing)}")
    if unexpected := sorted(found.keys() - expected.keys()):
        parts.append(f"{len(unexpected)} unexpected: {_some(unexpected)}")
    both = sorted(found.keys() & expected.keys())
    if bad := [f"{k} is {list(found[k])}, expected {list(expected[k])}" for k in both if found[k] != expected[k]]:
        parts.append(f"{len(bad)} misshapen: {_some(bad)}")
    return "; ".join(parts)


def _some(names: list[str], most: int = 8) -> str:
    """The first few, without the common scope, and how many more."""
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(n.removeprefix(SCOPE) for n in names[:most]) + more
