"""From features to a structure with its confidences."""

import dataclasses
import functools
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging

from af2jax import heads as task_heads
from af2jax.compilation import Jitted
from af2jax.config import graph
from af2jax.data.pipeline import NO_ALIGNMENT
from af2jax.errors import InputError
from af2jax.heads import SCOPE
from af2jax.metrics import confidence, directed, distogram, interface
from af2jax.model.alphafold import AlphaFold, initial
from af2jax.model.recycle import change, cycle
from af2jax.protein.files import Protein
from af2jax.results import Prediction
from af2jax.schema import Features, Prev, StructureOutput, check_features, num_chains

RESIDUES = 2048  # of the queries that are computed side by side where that is quicker, which on a CPU it is not
KEPT = ("passes", "single", "pair", "distogram")  # what `predict` keeps where it is asked to


class Pass(NamedTuple):
    """What one recycling pass gives, padding included, on the device; positions in angstrom.

    Attributes:
        prev: what the next pass begins with.
        structure: of the structure module, after each of its layers.
        scores: "plddt", "single"; "pae", "ptm" where the network has the head, and with it of several chains "iptm",
            "expected_tm", "complex_tm" and "contact_weights"; "distances", "contacts", and "distogram" where its logits
            are asked for.
        heads: what each new head says (`heads.apply`).
        change: how far the CA-CA distances moved, root mean square.
    """

    prev: Prev
    structure: StructureOutput
    scores: dict[str, jax.Array]
    heads: dict[str, jax.Array]
    change: jax.Array


@functools.partial(Jitted, static_argnums=(0, 1, 7))
def _pass(model, logits, params, features, remaining, prev, key, several) -> Pass:
    """One recycling pass and what is read of it; compiled once for each shape.

    `logits`: the distogram's too. A `key` means dropout. `several`: what is known of interfaces too.
    """
    own = params.get(SCOPE, {})
    out = cycle(model, {name: tree for name, tree in params.items() if name != SCOPE}, features, remaining, prev, key)
    scores = {"plddt": confidence.plddt(out.logits["plddt"]), "single": out.single}
    if "pae" in out.logits:
        scores["pae"] = confidence.pae(out.logits["pae"])
        scores["ptm"] = confidence.ptm(out.logits["pae"], features.seq_mask)
    if "pae" in out.logits and several:
        scores["iptm"] = confidence.ptm(out.logits["pae"], features.seq_mask, features.asym_id)
        scores["expected_tm"] = interface.expected_tm(out.logits["pae"], features.seq_mask, features.asym_id)
    if "distogram" in out.logits:
        scores["distances"] = distogram.distances(out.logits["distogram"])
        scores["contacts"] = distogram.contacts(out.logits["distogram"])
        if "expected_tm" in scores:
            length = jnp.sum(features.seq_mask, dtype=out.single.dtype)[None, None]
            scores["complex_tm"] = confidence.closeness(out.logits["pae"], length)
            scores["contact_weights"] = directed.contact_weights(out.logits["distogram"])
    if logits:
        scores["distogram"] = out.logits["distogram"]
    answers = task_heads.apply(dict(model.heads), own, out, features)
    return Pass(out.prev, out.structure, scores, answers, change(prev, out.prev, features.seq_mask))


def passes(
    model: AlphaFold,
    params: dict,
    features: Features,
    num_recycle: int,
    tolerance: float = 0.0,
    *,
    key: jax.Array | None = None,
    logits: bool = False,
    guess: np.ndarray | None = None,
) -> Iterator[Pass]:
    """The passes of one query: `num_recycle` and one more, or up to the first that moves less than `tolerance`.

    Args:
        tolerance: angstrom; 0 never stops early.
        key: a key means dropout.
        logits: whether the distogram's are kept.
        guess: float [N_res 37 3], angstrom, what the first pass starts from (`alphafold.initial`); it never is the last
            by `tolerance`.
    """
    prev, several = initial(features, model.config, guess), num_chains(features) > 1
    compiled = network(model, len(features.aatype))
    for remaining in range(num_recycle, -1, -1):
        found = _pass(compiled, logits, params, features, remaining, prev, key, several)
        yield found
        if found.change < tolerance and (guess is None or remaining < num_recycle):
            return
        prev = found.prev


def check_finite(name: str, arrays: Mapping[str, np.ndarray | float]) -> None:
    """Passes if all that the network answered for the query `name` is finite.

    Raises:
        InputError: one of the `arrays` is not; the message names it.
    """
    for what, values in arrays.items():
        if not np.isfinite(values).all():
            raise InputError(
                f"{name}: the network's answer is not finite ({what}); check the parameters and the precision"
            )


def predict(
    model: AlphaFold,
    params: dict,
    features: Features,
    num_recycle: int | None = None,
    tolerance: float | None = None,
    name: str = "query",
    notes: tuple[str, ...] = (),
    progress: Callable[[int, int], object] = lambda done, total: None,
    *,
    key: jax.Array | None = None,
    keep: Collection[str] = (),
    guess: np.ndarray | None = None,
) -> Prediction:
    """Folds one query: `num_recycle` recycles, fewer once a pass moves the CA-CA distances less than `tolerance`.

    Args:
        num_recycle: default that of the preset; 0 is one pass.
        tolerance: angstrom, default that of the preset; 0 never stops early.
        name: of the query, for files.
        notes: remarks for every file; the preset's own remark is added, and that the query had no
            alignment where it had none.
        progress: called with the number of passes done and their most.
        key: a key means dropout, so that each key gives another sample.
        keep: what the prediction also holds, of "passes" (the structure after each), "single", "pair"
            (representations) and "distogram" (logits).
        guess: float [N_res 37 3], angstrom, an initial guess: positions that the first pass reads as those of a pass
            before, for each residue that is not padding (`data.given` makes it of a structure). None: it starts from
            nothing.

    New heads that the network describes (`model.heads`, as `af2jax.load` of a run gives it) answer in
    `Prediction.heads`, from the last pass.

    Raises:
        InputError: features are misshapen, the network's answer is not finite, `keep` has an unknown word, `guess`
            has another shape or is not finite, or a new head has no parameters.
    """
    if unknown := set(keep) - set(KEPT):
        raise InputError(f'keep: "{min(unknown)}" is unknown; choose from {", ".join(KEPT)}')
    num_recycle = model.config.num_recycle if num_recycle is None else num_recycle
    tolerance = model.config.recycle_tolerance if tolerance is None else tolerance
    features = jax.tree.map(np.asarray, check_features(features))
    _check_heads(model, params)
    rows = features.seq_mask
    start = None if guess is None else _start(guess, rows)
    alone = features.msa.mask.any((0, 2)).sum() == 1 and not features.msa.extra_mask.any()
    remark = model.config.remark
    notes = (*notes, *([remark] if remark else []), *([NO_ALIGNMENT] if alone else []))
    changes, between = [], []
    runner = passes(model, params, features, num_recycle, tolerance, key=key, logits="distogram" in keep, guess=start)
    for done, found in enumerate(runner, 1):
        changes.append(float(found.change))
        if "passes" in keep:
            between.append(_protein(features, found, name, notes))
        progress(done, num_recycle + 1)

    protein = _protein(features, found, name, notes)
    answers = task_heads.read_answers(dict(model.heads), found.heads, features)
    fields = found.scores | {"pair": found.prev.pair}
    fields = {n: _cut(n, x, rows) for n, x in fields.items() if n not in KEPT or n in keep}
    if "expected_tm" in fields:
        here = np.ones(rows.sum(), bool)
        fields["chain_tm"] = interface.chain_tm(fields.pop("expected_tm"), protein.chain_index, here)
    if "complex_tm" in fields:
        found_tm = interface.contact_tm(fields.pop("complex_tm"), fields.pop("contact_weights"), protein.chain_index)
        fields["actifptm"], fields["chain_actifptm"] = found_tm
    values = {f'head "{head}"': answer.values for head, answer in answers.items()}
    check_finite(name, {"atoms": protein.positions[protein.atom_mask]} | fields | values)
    fields = dict.fromkeys(("pae", "ptm", "iptm")) | fields
    fields |= {"preset": model.config.name, "changes": tuple(changes), "passes": tuple(between), "heads": answers}
    return Prediction(protein=protein, **fields)


def _start(guess: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """An initial guess with the padding."""
    if np.shape(guess) != (rows.sum(), 37, 3) or not np.isfinite(guess).all():
        raise InputError(
            f"guess: expected finite positions [{rows.sum()}, 37, 3], of each residue that is not padding, got "
            f"{list(np.shape(guess))}; af2jax.score makes them of a structure"
        )
    out = np.zeros((len(rows), 37, 3), np.float32)
    out[rows] = guess
    return out


def _check_heads(model: AlphaFold, params: dict) -> None:
    described, there = {name for name, _ in model.heads}, params.get(SCOPE, {}).keys()
    if missing := sorted(described - there):
        raise InputError(f'head "{missing[0]}" of the network has no parameters; take both from one af2jax.load')
    if silent := sorted(there - described):
        logging.warning(
            "the network does not describe the new heads %s, which so do not answer: take it from "
            "af2jax.load(RUN) or state.setup.model",
            ", ".join(silent),
        )


def network(model: AlphaFold, num_res: int) -> AlphaFold:
    """As it is compiled for passes without a gradient: presets that differ in weights alone share a program."""
    heads = tuple((name, dataclasses.replace(head, calibration=None)) for name, head in model.heads)
    return model.clone(config=graph(model.config), runtime=model.runtime.forward_only(num_res), heads=heads)


def at_once(num_res: int) -> int:
    """How many queries of so many residues are computed side by side."""
    return 1 if jax.default_backend() == "cpu" else max(RESIDUES // num_res, 1)


def lower(model: AlphaFold, params: dict, features: Features):
    """One pass, traced and not compiled yet, to see what it needs."""
    features = jax.tree.map(np.asarray, check_features(features))
    prev, compiled = initial(features, model.config), network(model, len(features.aatype))
    return _pass.jitted.lower(compiled, False, params, features, 0, prev, None, num_chains(features) > 1)


def _protein(features: Features, found: Pass, name: str, notes: tuple[str, ...]) -> Protein:
    """The atoms of what is not padding, after a pass."""
    rows = features.seq_mask
    chains = np.unique(features.asym_id[rows], return_inverse=True)[1]
    atoms = (np.asarray(x)[rows] for x in (found.prev.positions, found.structure.atom37_mask))
    plddt = np.asarray(found.scores["plddt"])[rows]
    return Protein(features.aatype[rows], *atoms, features.residue_index[rows], chains, plddt, name, notes)


def _cut(name: str, values, rows: np.ndarray):
    """One output of the network without padding: a number, or [N_res ...], or [N_res N_res ...]."""
    values = np.asarray(values)
    if not values.ndim:
        return float(values)
    return values[rows] if name in ("plddt", "single") else values[rows][:, rows]
