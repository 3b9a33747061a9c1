"""Many models of one protein in groups by structure: how they are made, and what found each group."""

import itertools
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from absl import logging

from af2jax.conformations.claims import FOUND, Evidence, chance, claims, obstacles
from af2jax.conformations.record import Found, State, States, nearest
from af2jax.conformations.references import Reference, between, read_reference
from af2jax.conformations.sampling import Model, Network, sampled
from af2jax.conformations.ways import CLUSTERS, MODELS, WAYS, limits, parsed, planned, runnable
from af2jax.constants.atoms import CA
from af2jax.data.parse import printable
from af2jax.data.pipeline import Read, read
from af2jax.data.templates import Paths
from af2jax.errors import InputError
from af2jax.metrics.grouping import by_leader
from af2jax.metrics.statistics import holm
from af2jax.metrics.superposition import superposed, tm_score
from af2jax.model.alphafold import AlphaFold

THRESHOLD = 0.8  # TM-score of models of one state


def states(
    query: str | os.PathLike,
    model: AlphaFold,
    params: dict,
    ways: str | Sequence[str] = CLUSTERS,
    *,
    msa: Paths | None = None,
    templates: Paths | None = None,
    references: Sequence[str | os.PathLike] = (),
    models: int = MODELS,
    threshold: float = THRESHOLD,
    num_recycle: int | None = None,
    seed: int = 0,
    calibrated: bool = False,
    keep: str | os.PathLike | None = None,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> States:
    """Looks for more than one conformation of a protein, beside the control of each way of looking.

    Ways, several joined by ",", or "all": "clusters" of alike rows (AF-Cluster), of which the control is "uniform",
    rows drawn at random, as many as in each cluster; "columns" that are masked (AFsample2), a grid of "depths", and
    "dropout", of which the control is "seeds", the alignment as it is. Models are grouped by TM-score.

    Args:
        query: path of an alignment or of a FASTA file, or the sequence itself; one chain.
        msa, templates: see `af2jax.features`.
        references: known structures of the protein, FILE or FILE:CHAIN; two tell states apart.
        models: of each way, and as many of its control.
        threshold: TM-score to the model that stands for a state, from which a model is of it.
        num_recycle: default that of the preset.
        seed: the same seed makes the same models, bit for bit.
        calibrated: the parameters are DeepMind's as published, whose pLDDT was measured.
        keep: a folder in which models are kept as .npz as they are made, so that the same call resumes.
        progress: called with the models that are done and their number.

    Raises:
        InputError: a way is unknown, or needs an alignment that is not there or has fewer rows than clusters are asked
            for; the query has several chains; a reference is another protein. Nothing is computed before.
    """
    from af2jax.pretrained.tree import digest, flatten

    checked(ways, models, threshold)
    known = read(query, msa=msa, templates=templates)
    weights = digest(flatten(params)).hex()
    given = [None if templates is None else str(templates), repr(model.config)]
    network = Network(model.config.name, model, params, calibrated=calibrated, digest=repr([weights, *given]))
    keep = None if keep is None else Path(keep)
    options = {"seeds": (seed,), "num_recycle": num_recycle, "keep": keep, "progress": progress}
    return look(known, [network], ways, references, models, threshold, **options)


def checked(ways: str | Sequence[str], models: int, threshold: float) -> tuple[str, ...]:
    """The ways that are asked for, in the order of `WAYS`.

    Raises:
        InputError: one is unknown, there are no models to make, or the threshold is no TM-score.
    """
    if models < 1:
        raise InputError(f"expected 1 model or more of each way (--state-models), got {models}")
    if not 0 < threshold <= 1:
        raise InputError(f"expected a TM-score above 0 and up to 1 (--state-tm-score), got {threshold:g}")
    return parsed(ways)


def read_references(items: Sequence[str | os.PathLike], known: Sequence[str], source: str) -> list[Reference]:
    """The known structures over a query of these chains.

    Raises:
        InputError: there are several chains, or one is another protein.
    """
    if len(known) > 1:
        raise InputError(f"{source}: states are looked for in one chain; the query has {len(known)}; give one of them")
    return [read_reference(item, known[0]) for item in items]


def look(
    known: Read,
    networks: Sequence[Network],
    ways: str | Sequence[str],
    references: Sequence[str | os.PathLike],
    models: int = MODELS,
    threshold: float = THRESHOLD,
    *,
    seeds: Sequence[int] = (0,),
    notes: tuple[str, ...] = (),
    **options,
) -> States:
    """The states of a query that was read, by several networks and seeds; see `states`, and `sampled` for `options`.

    What will keep a second state from being claimed is warned of before any model is made, and among the notes.
    """
    name, alignment = known.query.name, known.assembly.alignment
    there = read_references(references, known.query.chains, name)
    asked, left = runnable(ways, alignment)
    plans = [plan for seed in seeds for plan in planned(alignment, asked, models, seed, name)]
    limit = {way: count * len(seeds) * len(networks) for way, count in limits(alignment, asked).items()}
    counts = {way: count * len(networks) for way, count in Counter(plan.way for plan in plans).items()}
    foreseen = obstacles(asked, counts, models * len(seeds) * len(networks), there, threshold)
    foreseen = (left, *foreseen) if left else foreseen
    for obstacle in foreseen:
        logging.warning("%s", obstacle)
    made = sampled(known, networks, plans, notes=notes, **options)
    calibrated = {network.name: network.calibrated for network in networks}
    return grouped(name, known.query.chains[0], asked, made, there, threshold, calibrated, (*notes, *foreseen), limit)


def grouped(
    name: str,
    sequence: str,
    asked: Sequence[str],
    models: Sequence[Model],
    references: Sequence[Reference],
    threshold: float,
    calibrated: Mapping[str, bool],
    notes: tuple[str, ...] = (),
    limit: Mapping[str, int] = MappingProxyType({}),
) -> States:
    """The states of models of one protein, the first of which is of the whole alignment.

    Args:
        calibrated: by network.
        limit: models that the alignment can give, by way; any number of a way that is not there.
    """
    points = np.stack([model.points for model in models]).astype(np.float64)
    mask = models[0].protein.atom_mask[:, CA] > 0
    groups = by_leader(points, mask, np.array([m.plddt for m in models]), [m.name for m in models], threshold)
    scores = np.array([[tm_score(one, known.points, known.mask & mask) for known in references] for one in points])
    scores = scores.reshape(len(models), len(references))
    sizes = Counter(groups.group.tolist())
    first = groups.leaders[groups.group[0]]
    order = sorted(sizes, key=lambda g: (g != groups.group[0], -sizes[g], g))  # groups are in order of their leaders
    found = []
    for number, group in enumerate(order, 1):
        leader = groups.leaders[group]
        others = [i for i in np.flatnonzero(groups.group == group) if i != leader]
        members = tuple(models[i] for i in (leader, *others))
        counts = Counter(model.way for model in members)
        moved = superposed(points[leader], points[first], mask)
        found.append(
            State(
                number=number,
                representative=models[leader],
                models=members,
                counts={way: counts[way] for way in WAYS if counts[way]},
                tm_first=tm_score(points[leader], points[first], mask),
                moved=moved,
                apart=np.where(mask, np.linalg.norm(moved - points[first], axis=-1), np.nan),
                references=tuple(scores[leader].tolist()),
            )
        )
    apart = between(references)
    evidence = _evidence(found, models, asked, calibrated, bool((apart < threshold).any()), limit)
    best = zip(references, scores.max(axis=0).tolist(), strict=True)
    far = [(printable(known.name), score) for known, score in best if score <= FOUND]
    return States(
        name=name,
        sequence=sequence,
        asked=tuple(asked),
        threshold=threshold,
        models=tuple(models),
        scores=scores,
        references=tuple(one.name for one in references),
        between=apart,
        states=tuple(found),
        by_way=_by_way(models, scores, found),
        claims=claims(evidence, len(found), len(models), threshold, far),
        calibrated=all(calibrated.values()),
        notes=notes,
    )


def _by_way(models: Sequence[Model], scores: np.ndarray, found: Sequence[State]) -> tuple[Found, ...]:
    out = []
    for way in WAYS:
        own = [i for i, model in enumerate(models) if model.way == way]
        if not own:
            continue
        near = [nearest(scores[i].tolist()) for i in own]
        seconds = [models[i].seconds for i in own if not models[i].first]
        out.append(
            Found(
                way=way,
                models=len(own),
                states=sum(way in state.counts for state in found),
                plddt=float(np.mean([models[i].plddt for i in own])),
                seconds=float(np.mean(seconds)) if seconds else None,
                near=tuple(near.count(place) for place in range(scores.shape[1])),
                best=tuple(scores[own].max(axis=0).tolist()),
            )
        )
    return tuple(out)


def _evidence(
    found: Sequence[State],
    models: Sequence[Model],
    asked: Sequence[str],
    calibrated: Mapping[str, bool],
    distinct: bool,
    limit: Mapping[str, int],
) -> list[Evidence]:
    """For each state but the first what its surest way says of it; `distinct`: known structures tell states apart."""
    made = Counter(model.way for model in models)
    pairs = [(way, WAYS[way].control) for way in asked if WAYS[way].control]
    tests = []
    for state, (way, control) in itertools.product(found[1:], pairs):
        counts = state.counts.get(way, 0), made[way], state.counts.get(control, 0), made[control]
        tests.append(
            Evidence(
                state=state.number,
                way=way,
                found=counts[0],
                of=counts[1],
                control=control,
                control_found=counts[2],
                control_of=counts[3],
                p=chance(*counts),
                tests=len(pairs) * (len(found) - 1),
                plddt=state.plddt,
                calibrated=calibrated[state.representative.network],
                distinct=distinct,
                first_near=found[0].near,
                near=state.near,
                most=limit.get(way),
            )
        )
    corrected = holm([one.p for one in tests]).tolist()
    out: dict[int, Evidence] = {}
    for one, p in sorted(zip(tests, corrected, strict=True), key=lambda pair: pair[0].p):
        out.setdefault(one.state, replace(one, p=p))  # of the least p before the correction, which makes many of them 1
    return list(out.values())
