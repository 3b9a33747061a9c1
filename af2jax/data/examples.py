"""From a known structure, and an alignment where there is one, to an example for training: what the network reads,
and what it is compared with."""

import os
from collections.abc import Sequence
from dataclasses import replace

import jax
import numpy as np

from af2jax import schema
from af2jax.config import PRESETS, Config, Data
from af2jax.constants.residues import GAP, LETTERS, UNKNOWN, encode
from af2jax.data import crop as window
from af2jax.data import msa as msa_ops
from af2jax.data import transforms
from af2jax.data.alignment import take
from af2jax.data.assembly import Assembly, assemble
from af2jax.data.cyclic import names
from af2jax.data.parse import Alignment, printable
from af2jax.data.pipeline import join_alignments
from af2jax.data.structure import Chain, read_complex
from af2jax.data.templates import Paths, load_templates
from af2jax.errors import InputError


def example(
    path: str | os.PathLike,
    chain: str | None = None,
    msa: Paths | None = None,
    config: Config = PRESETS["model_1_ptm"],
    crop: int | None = None,
    seed: int = 0,
    labels: dict | None = None,
    *,
    templates: Paths | None = None,
    template_dir: str | os.PathLike | None = None,
    max_template_date: str | None = None,
    cyclic: str | Sequence[str] | None = None,
) -> tuple[schema.Features, schema.Targets]:
    """One protein chain of known structure, or a complex, as the pair (features, targets).

    All that is random follows from `seed`: the draws of the MSA, one for each recycling pass; the blocks of rows that
    are deleted from an alignment (Algorithm 1), the same in every draw; the window of `crop` residues; and whether
    backbone FAPE is clamped. The shapes follow from the chain, the alignment, `config` and `crop` alone: MSA rows are
    padded to the next power of two, or to the preset's numbers if these are smaller.

    Args:
        path: mmCIF or PDB file (.gz too); `af2jax.data.structure` says what becomes of its contents.
        chain: author's chain identifier; None: the only protein chain. Of a complex several, "H,L", or "*": all.
        msa: one alignment or several (see `af2jax.features`) whose first row is the chain's full sequence or its
            observed residues (X matches any residue; the other rows have gaps where a residue is not observed); None:
            the sequence alone. Of a complex each file is of one chain, and rows are paired by species.
        config: of the preset that will read the features.
        crop: number of residues; a longer chain is cut to a window, a shorter one padded; see `data.crop` for
            complexes. None: everything.
        seed: 0 or more.
        labels: by name, a number or an array whose first axis is the residues of the full sequence, or whose first two
            are (of pairs), which are cut and padded (with 0) as the residues are; they end up in `targets.labels`.
        templates, template_dir, max_template_date: as in `af2jax.features`; the query is the chain's full sequence.
        cyclic: chains of which the last residue is bound to the first, by the names of `chain`, joined by
            ","; None: no chain is.

    Raises:
        InputError: the structure cannot be used (see `read_chain`); an alignment is damaged or of another sequence; a
            template cannot be used; a label is not a number or has another length; `crop` or `seed` is out of range,
            or a crop would cut a cyclic chain.
    """
    if seed < 0:
        raise InputError(f"seed={seed} is negative; give 0 or more")
    if crop is not None and crop < 1:
        raise InputError(f"crop={crop}: give a positive number of residues, or None for the whole chain")
    known = read_complex(path, chain)
    if cyclic is not None:
        known = replace(known, cyclic=names(cyclic))
    aligned = None
    if templates is not None:
        aligned = load_templates(templates, known.chains, config, template_dir, max_template_date)
    return example_of(known, msa, config, crop, seed, _own_labels(labels or {}, known), aligned)


def example_of(
    known: Chain,
    msa: Paths | None,
    config: Config,
    crop: int | None,
    seed: int,
    labels: dict | None,
    templates: schema.Templates | None,
) -> tuple[schema.Features, schema.Targets]:
    """The example of a chain that is read already, with labels as arrays and templates aligned to it; see `example`."""
    num, ring = len(known.aatype), known.ring
    if ring is not None and ring.any() and crop is not None and crop < num:
        raise InputError(
            f"{known.source}, chain {known.name}: {', '.join(known.cyclic)} is cyclic, and a crop of {crop} of {num} "
            f"residues would cut it; give a crop of {num} or more, or leave it out"
        )
    found = over_structure(known, msa)
    codes, deletions, own_cells = found.alignment.codes, found.alignment.deletions, found.own
    n_seq = _bucket(len(codes), config.data.clusters)
    n_extra = _bucket(len(codes) - config.data.clusters, config.data.extra)

    rng = np.random.default_rng([seed, 0, 1])  # draw k of the MSA has [seed, k]
    clamped = rng.random() < config.data.clamped
    kept = msa_ops.block_delete(rng, len(codes))
    size = crop or num
    residues = window.choose(rng, known, size, clamped)  # the last to be drawn: a window changes nothing else
    codes, deletions, own_cells = codes[kept], deletions[kept], own_cells[kept]
    data = config.data
    hidden = _hidden(seed, num, data)
    if hidden is not None:
        codes[0] = np.where(hidden, UNKNOWN, known.aatype)
    profile = msa_ops.profile(codes)
    draws = [
        transforms.draw_msa(np.random.default_rng([seed, cycle]), codes, deletions, profile, data, own_cells, hidden)
        for cycle in range(config.num_recycle + 1)
    ]
    stacked = transforms.stack_draws([draw.msa for draw in draws])
    features = transforms.assembled(known.aatype, known.ids, stacked, config, hidden).replace(ring=ring)
    if hidden is not None:
        draws[-1].true_msa[0] = known.aatype
    if templates is not None:
        features = features.replace(templates=templates)
    targets = _targets(known, features, draws[-1], clamped, labels or {})
    features, targets = window.cut(features, targets, residues)
    features = transforms.pad(features, n_res=size, n_seq=n_seq, n_extra=n_extra)
    return schema.check_features(features), window.pad_targets(targets, n_res=size, n_seq=n_seq)


def _hidden(seed: int, num: int, data: Data) -> np.ndarray | None:
    """Which residues of the query are hidden in this example: bool [num]; None: it is not one of those that hide any.

    The published masking (section 1.2.7) leaves the query in `target_feat`, so that without homologues the masked
    residue need only be read there. Here it is X in all that is made of the sequence, the profile of the alignment
    included, and the mask token in the query's row of every draw. The structure module builds alanine: backbone and CB
    of X would be absent, and those of the true residue would come back with a recycle (the pseudo beta atom of glycine
    is CA). Templates are left as they are.
    """
    rng = np.random.default_rng([seed, 0, 2])
    return rng.random(num) < data.mask_fraction if rng.random() < data.mask_target else None


def _targets(
    known: Chain, features: schema.Features, draw: transforms.Draw, clamped: bool, own: dict
) -> schema.Targets:
    return schema.Targets(
        aatype=features.aatype,
        residue_index=features.residue_index,
        seq_mask=features.seq_mask,
        asym_id=features.asym_id,
        positions=known.positions,
        atom_mask=known.atom_mask,
        resolution=np.float32(known.resolution),
        true_msa=draw.true_msa.astype(np.int32),
        bert_mask=draw.bert_mask,
        use_clamped_fape=np.float32(clamped),
        labels=own,
        full_complex=full_complex(known) if known.ids.sym_id.max() > 1 else None,
        ring=features.ring,
    )


def full_complex(known: Chain) -> schema.FullComplex:
    """All that is known of a structure, for chains that may be permuted."""
    ids = known.ids
    return schema.FullComplex(
        positions=known.positions,
        atom_mask=known.atom_mask,
        seq_mask=np.ones(len(known.aatype), bool),
        residue_index=ids.residue_index,
        asym_id=ids.asym_id,
        entity_id=ids.entity_id,
    )


def _bucket(rows: int, most: int) -> int:
    """The number of rows that `rows` are padded to: a power of two, at least 1 and at most `most`."""
    return min(1 << (max(rows, 1) - 1).bit_length(), most)


def over_structure(known: Chain, msa: Paths | None) -> Assembly:
    """The alignments of the chains of a structure, side by side over their full sequences; None: the sequences alone.

    Raises:
        InputError: an alignment is damaged, or of no chain.
    """
    files = [] if msa is None else [msa] if isinstance(msa, str | os.PathLike) else list(msa)
    if not known.lengths:
        alignment = join_alignments(files)
        return assemble(known.chains, [alignment and _over_chain(known, alignment, files)])
    unpaired: dict[str, Alignment] = {}
    for file in files:
        if (alignment := join_alignments(file)) is not None:
            sequence, over = _over_some_chain(known, alignment, file)
            if sequence in unpaired:
                raise InputError(f"{printable(str(file))}: its chain has an alignment already; join the files")
            unpaired[sequence] = over
    chains = known.chains
    first = [unpaired.get(chain) if chains.index(chain) == place else None for place, chain in enumerate(chains)]
    return assemble(chains, first)


def _over_some_chain(known: Chain, alignment: Alignment, file: str | os.PathLike) -> tuple[str, Alignment]:
    """The sequence of the chain that an alignment is of, and the alignment over it."""
    for part, sequence in zip(known.parts, known.chains, strict=True):
        chain = Chain(
            *(known.source, known.name, known.aatype[part], known.residue_index[part]),
            *(known.positions[part], known.atom_mask[part], known.resolution, known.method),
        )
        try:
            return sequence, _over_chain(chain, alignment, [file])
        except InputError:
            continue
    raise InputError(
        f"{printable(str(file))}: its first row ({alignment.codes.shape[1]} residues) is none of the chains "
        f"{known.name} of {known.source}, neither in full nor as observed; give alignments of chains that are there"
    )


def _over_chain(known: Chain, alignment: Alignment, files: list) -> Alignment:
    """The distinct rows of an alignment over the full sequence."""
    place = _columns(known, encode(alignment.query), printable(", ".join(map(str, files))))
    distinct = take(alignment, msa_ops.deduplicate(alignment.codes))
    codes = np.full((len(distinct.codes), len(known.aatype)), GAP, np.int8)
    codes[:, place] = distinct.codes
    codes[0] = known.aatype
    deletions = np.zeros(codes.shape, np.int32)
    deletions[:, place] = distinct.deletions
    return Alignment(distinct.names, codes, deletions, known.sequence)


def _columns(known: Chain, first: np.ndarray, source: str) -> np.ndarray:
    """The position in the full sequence of each letter of the first row."""
    full, observed = np.arange(len(known.aatype)), np.flatnonzero(known.observed)
    for place in (full, observed):
        if len(place) == len(first) and not _differ(first, known.aatype[place]).any():
            return place
    place = observed if len(first) == len(observed) else full
    common = min(len(first), len(place))
    differ = _differ(first[:common], known.aatype[place[:common]])
    position = int(np.argmax(differ)) if differ.any() else common
    row, wanted = (LETTERS[c[position]] if position < len(c) else "nothing" for c in (first, known.aatype[place]))
    raise InputError(
        f"{source}: its first row ({len(first)} residues) is neither the full sequence of {known.source}, chain "
        f"{known.name} ({len(full)}) nor its observed residues ({len(observed)}): at position {position + 1} it has "
        f"{row}, the chain {wanted}; give the chain's own alignment"
    )


def _differ(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a != b) & (a != UNKNOWN) & (b != UNKNOWN)


def _own_labels(labels: dict, known: Chain) -> dict[str, np.ndarray]:
    num, out = len(known.aatype), {}
    for name, value in labels.items():
        try:
            value = np.asarray(value)
        except ValueError:
            raise InputError(f'labels["{name}"] is not an array, as its rows differ in length; pad them') from None
        if value.dtype.kind not in "biuf":
            raise InputError(f'labels["{name}"] is not a number or array of numbers but {value.dtype}; encode it')
        if value.ndim and len(value) != num:
            raise InputError(
                f'labels["{name}"] has {len(value)} values, the full sequence of {known.source}, chain {known.name} '
                f"has {num} residues ({int(known.observed.sum())} observed); give one value for each of the {num}"
            )
        out[name] = value.astype(jax.dtypes.canonicalize_dtype(value.dtype))
    return out
