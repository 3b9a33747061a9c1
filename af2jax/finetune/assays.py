"""Items that are variants, gathered to assays: what heads of variants learn from and are validated on."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from af2jax import schema
from af2jax.data import msa as msa_ops
from af2jax.data import variants as tables
from af2jax.data.assembly import assemble
from af2jax.data.items import Item, label_of, read_item
from af2jax.data.labels import limit
from af2jax.data.loading import Loader
from af2jax.data.pipeline import Read, read_query
from af2jax.data.transforms import pad
from af2jax.errors import InputError
from af2jax.heads import Head

ASSAY = "assay"  # the column that tells several assays of one protein apart
WATCHED = 256  # variants of an assay that are validated on, at most


@dataclass(frozen=True)
class Assay:
    """Variants of one wild type that were measured in one way, as a `Loader` takes an item."""

    id: str
    wild: Item  # without labels
    variants: tuple[tables.Mutations, ...]
    labels: Mapping[str, np.ndarray]  # [N_var] by head
    bounds: Mapping[str, np.ndarray]  # int [N_var] by head, as of `schema.Variants`
    weight: float = 1.0


def gather(items: Sequence[Item], heads: Mapping[str, Head], *, taught: bool) -> list[Assay]:
    """The assays of items, by wild type and by the column "assay" where there is one.

    Args:
        taught: they are learnt from, so that each must have an order where a head learns that.

    Raises:
        InputError: an item is no variant, or its wild type is not known; an assay has one variant or equal labels.
    """
    found: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        if not item.wild:
            raise InputError(f'{item.where}: a head of variants needs the columns "mutant" and "sequence", of each row')
        if "/" in item.wild:
            raise InputError(f"{item.where}: heads of variants read one chain, and this wild type has several")
        found.setdefault((item.values.get(ASSAY, ""), item.wild), []).append(item)
    return [_assay(name, wild, own, heads, taught) for (name, wild), own in found.items()]


def _assay(name: str, wild: str, items: list[Item], heads: Mapping[str, Head], taught: bool) -> Assay:
    first = replace(items[0], sequence=wild, mutations=(), values={}, file=None, known=None)
    variants = tuple(tuple(m for m in item.mutations if m.new != m.wild) for item in items)
    chain = read_item(first)
    labels, bounds = {}, {}
    for head_name, head in heads.items():
        labels[head_name] = np.array([label_of(item, head_name, head.column, chain) for item in items])
        cells = [item.values.get(head_name, "") if head.outputs else "" for item in items]
        bounds[head_name] = np.array([limit(cell)[0] for cell in cells], np.int32)
        if taught:
            of = f"{items[0].where}: assay {name or items[0].id}"
            tables.labelled(variants, labels[head_name], bounds[head_name], ranks=head.ranks, assay=of)
    return Assay(items[0].id, first, variants, labels, bounds, max(item.weight for item in items))


def check_order(watched: Sequence[Assay], heads: Mapping[str, Head], monitor: str) -> None:
    """Passes if Spearman's correlation is not monitored, or there is an order within an assay that is validated on.

    Raises:
        InputError: there is none; the message says why.
    """
    name = monitor.removesuffix("/spearman")
    if name == monitor or name not in heads or heads[name].classes or not watched:
        return
    measured = [assay.labels[name][~np.isnan(assay.labels[name]) & (assay.bounds[name] == 0)] for assay in watched]
    if any(len(values) and np.ptp(values) > 0 for values in measured):
        return
    most = max(map(len, measured))
    why = ("no variant has a measured label", "no assay has more than one variant with a measured label")
    raise InputError(
        f'monitor = "{monitor}" ranks the variants of an assay, and the validation part has no order: '
        f"{why[most] if most < 2 else 'all measured labels of an assay are equal'}; validate on variants whose labels "
        f'differ, or give monitor = "{name}"'
    )


def wild_type(assay: Assay) -> Read:
    """The wild type of an assay with its alignment."""
    query = read_query(assay.wild.sequence, assay.wild.msa or None)
    found = assemble(query.chains, query.unpaired)
    return Read(query, found, msa_ops.profile(found.alignment.codes), None)


@dataclass(frozen=True)
class AssayLoader:
    """Examples of assays, of one shape: the wild type, with so many of its variants as labels.

    Attributes:
        loader: of the wild types.
        heads: that learn.
        room: variants of an example; an assay with more is drawn from.
        most: mutations of a variant.
    """

    loader: Loader
    heads: Mapping[str, Head]
    room: int
    most: int
    _read: dict[str, Read] = field(default_factory=dict, compare=False)

    @property
    def seed(self) -> int:
        """Of order and draws."""
        return self.loader.seed

    def example(self, assay: Assay, visit: int) -> tuple[schema.Features, schema.Targets]:
        """The example of an assay when it is visited for the `visit`-th time.

        Raises:
            InputError: the crop is shorter than the wild type.
        """
        loader, length = self.loader, len(assay.wild.sequence)
        if length > loader.crop:
            raise InputError(
                f"{assay.id} has {length} residues and crop = {loader.crop}: heads of variants read whole proteins"
            )
        padded, targets = loader.example(assay.wild, visit)
        seed, own = loader.draw(assay.id, visit), zlib.crc32(assay.id.encode())
        order = np.random.default_rng([loader.seed, visit, own]).permutation(len(assay.variants))
        picks = np.sort(order[: self.room])
        read = self._known(assay)

        def features(variant: tables.Mutations) -> schema.Features:
            cycles, n_seq, _, _ = padded.msa.feat.shape
            found = tables.features(read, variant, seed, loader.drawn, cycles)
            found = pad(found, n_res=loader.crop, n_seq=n_seq, n_extra=padded.msa.extra.shape[1])
            return found.replace(templates=padded.templates)

        chosen = [assay.variants[i] for i in picks] + [()] * (self.room - len(picks))
        known = lambda name: (assay.labels[name][picks], assay.bounds[name][picks])
        labels = {name: self._labels(head, *known(name), chosen) for name, head in self.heads.items()}
        if any(head.mode == "full" for head in self.heads.values()):
            passes = tables.stacked([features(one) for one in chosen])
            full = {name for name, head in self.heads.items() if head.mode == "full"}
            labels = {name: x.replace(features=passes) if name in full else x for name, x in labels.items()}
        return features(()), targets.replace(labels=labels)

    def _labels(
        self, head: Head, value: np.ndarray, bound: np.ndarray, chosen: Sequence[tables.Mutations]
    ) -> schema.Variants:
        rest = (0, self.room - len(value))
        unknown, kind = (-1, np.int32) if head.classes else (np.nan, np.float32)
        return tables.numbered(chosen, self.most).replace(
            value=np.pad(value, rest, constant_values=unknown).astype(kind), bound=np.pad(bound, rest)
        )

    def _known(self, assay: Assay) -> Read:
        """The wild type with its alignment, read once."""
        if assay.id not in self._read:
            self._read[assay.id] = wild_type(assay)
        return self._read[assay.id]
