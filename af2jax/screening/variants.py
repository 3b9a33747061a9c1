"""`af2jax.scan`: what variants of one protein do, by heads of variants, and without any label by masked marginals."""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from af2jax import effects
from af2jax.data import variants as tables
from af2jax.data.mutants import FORM
from af2jax.data.pipeline import read, read_query
from af2jax.data.templates import Paths
from af2jax.data.variants import Mutations
from af2jax.errors import InputError
from af2jax.finetune.run import is_run, load, taught, training_of
from af2jax.heads import Head, Nearness
from af2jax.heads.calibration import probabilities
from af2jax.inference import check_finite
from af2jax.metrics.statistics import spearman
from af2jax.model.alphafold import AlphaFold
from af2jax.pretrained.load import PACKAGED

EARLY = "zero-shot scores of these weights mean nothing: too little training with residues of the query hidden"
LEFT = f"{EARLY}; they are left out, unless zero_shot asks for them"
ZERO_SHOT = "zero_shot"
RANGE = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?")  # of positions
LETTERS = re.compile(r"[A-Za-z]+(?=\d)")  # before a number
Source = str | os.PathLike | tuple[AlphaFold, dict]
Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class Scan:
    """Variants of one protein with their scores.

    Attributes:
        name, sequence: of the wild type.
        source: the run, folder or preset that was asked.
        preset: of its network.
        num_recycle: passes before the last.
        variants: of each its mutations; () is the wild type.
        scores: float64 [N_var] by name. "zero_shot": log p(new) - log p(old), natural logarithms, summed over the
            mutations; more is what the network finds likelier. By head: its number, or the probability of its last
            class.
        classes: probabilities [N_var n] of each head with classes.
        heads: those that answered.
        measured: float64 [N_var], NaN where unknown; None: no table brought any.
        agreement: Spearman's correlation of each score with what was measured; NaN where that has no order.
        near: the wild type beside what taught the heads; None where that is not known.
        notes: what was left out, and why; and what means nothing.
        meaningless: names of the scores that mean nothing, of which nothing is concluded.
    """

    name: str
    sequence: str
    source: str
    preset: str
    num_recycle: int
    variants: tuple[Mutations, ...]
    scores: Mapping[str, np.ndarray]
    classes: Mapping[str, np.ndarray]
    heads: Mapping[str, Head]
    measured: np.ndarray | None
    agreement: Mapping[str, float]
    near: Nearness | None
    notes: tuple[str, ...]
    meaningless: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        """Those of `rows`: ProteinGym's, then a score each; of classes the best with every probability."""
        measured = [] if self.measured is None else [tables.MEASURED]
        zero = [ZERO_SHOT] if ZERO_SHOT in self.scores else []
        own = [n for name, head in self.heads.items() for n in (name, *(f"p_{name}_{x}" for x in head.labels))]
        return ["mutant", tables.SEQUENCE, *measured, *zero, *own]

    @property
    def rows(self) -> list[dict]:
        """A row for each variant."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.cells]

    @property
    def cells(self) -> list[list]:
        """The values of `rows`, as Python's own."""
        parts: list[list] = [[tables.name(one), tables.changed(self.sequence, one)] for one in self.variants]
        known = [] if self.measured is None else [self.measured]
        for values in (*known, *(self.scores[name] for name in self.scores if name == ZERO_SHOT)):
            parts = [[*row, value] for row, value in zip(parts, values.tolist(), strict=True)]
        for name, head in self.heads.items():
            if head.classes:
                best = np.array(head.labels)[self.classes[name].argmax(-1)].tolist()
                own = [[top, *row] for top, row in zip(best, self.classes[name].tolist(), strict=True)]
            else:
                own = [[value] for value in self.scores[name].tolist()]
            parts = [[*row, *more] for row, more in zip(parts, own, strict=True)]
        return parts

    @property
    def csv(self) -> str:
        """The table as a file, which `variants=` reads again."""
        return tables.written(self.columns, self.cells)

    def json(self) -> dict:
        """All of it, as JSON has it; null where a number is not known."""
        plain = lambda row: [None if isinstance(x, float) and x != x else x for x in row]
        facts = {n: getattr(self, n) for n in ("name", "sequence", "source", "preset", "num_recycle")}
        facts |= {"columns": self.columns, "rows": [plain(row) for row in self.cells]}
        facts |= {"notes": list(self.notes), "meaningless": list(self.meaningless)}
        agreement = dict(zip(self.agreement, plain(self.agreement.values()), strict=True))
        return facts | {"agreement": agreement, "near": self.near and self.near._asdict()}


def scan(
    query: str | os.PathLike,
    source: Source,
    positions: str | Iterable[int] | None = None,
    *,
    variants: str | os.PathLike | Sequence[str] | None = None,
    msa: Paths | None = None,
    zero_shot: bool | None = None,
    num_recycle: int | None = None,
    seed: int = 0,
    preset: str | None = None,
    progress: Progress = lambda done, total: None,
) -> Scan:
    """Scores variants of one protein: every single substitution, or those that are given.

    Zero-shot scores are masked marginals (Meier et al., NeurIPS 2021): each mutated residue is hidden by itself in all
    that the network reads, and the log probabilities of its masked-MSA head compared; several mutations add up. Heads
    of variants answer as `Head("variant")` says: cached ones of one pass, full ones of a pass for each variant.

    Args:
        query: path of a FASTA file or of an alignment, or the sequence itself; one chain.
        source: a run, a folder that `af2jax.export` wrote or of parameters, "mini", or (model, params).
        positions: residues from 1, as "10-40,55" or numbers; None: all.
        variants: a table in ProteinGym's form, a file with a variant on each line, or such as ["A23G", "A23G:T25S"];
            in place of `positions`.
        msa: alignments of the query, where that is a sequence.
        zero_shot: None: where the network was trained with residues hidden; or where it can, if it has no head of
            variants.
        num_recycle: None: as the heads were trained, or the preset's. All of them are made.
        seed: of the draw of the MSA.
        preset: of a folder of parameters that holds several.
        progress: called with the passes that are done and their number.

    Raises:
        InputError: a variant does not fit (see `data.variants.read`), a position is past the end; the query has several
            chains; zero-shot scores are asked for of a network that reads the residue; nothing can answer.
        WeightsError: as of `load`.
    """
    asked = read_query(query, msa)
    if len(asked.chains) > 1:
        raise InputError(f"a scan is of one chain; the query has {len(asked.chains)}; give one of them")
    wild = asked.chains[0]
    every, measured, notes = _asked(wild, positions, variants)
    model, params, named = _opened(source, preset)
    heads = {name: head for name, head in model.heads if head.kind == "variant"}
    notes += [
        f'head "{name}" is not a head of variants and was not asked' for name, _ in model.heads if name not in heads
    ]
    if ZERO_SHOT in heads:
        raise InputError(f'a head cannot be called "{ZERO_SHOT}", which is the name of another score; rename it')
    meaningless: tuple[str, ...] = ()
    if zero_shot is None or zero_shot:
        why = _leaks(source, model, named)
        if not why and zero_shot is None and heads and not _hid(source):
            why = LEFT
        if why and (zero_shot or not heads):
            raise InputError(why)
        notes += [why] if why else []
        zero_shot = not why
        if zero_shot and not _hid(source):
            meaningless = (ZERO_SHOT,)
            notes.append(EARLY)
    if not (zero_shot or heads):
        raise InputError(f"{named} has no head of variants; leave zero_shot on, or give a run that trained one")

    known = read(asked)  # which warns where there is no alignment, once all that was asked for is known to be right
    cycles = model.config.num_recycle if num_recycle is None else num_recycle
    ask = effects.Passes(model, params, known, cycles, seed)
    scores, classes = {}, {}
    places = sorted({mutation.position for one in every for mutation in one}) if zero_shot else []
    told = effects.Count(effects.number(heads, every, places), progress)
    if zero_shot:
        scores[ZERO_SHOT] = effects.marginals(ask, every, places, told)
    answers = effects.answers(ask, heads, every, told)
    check_finite(known.query.name, scores | answers)
    for name, values in answers.items():
        if heads[name].classes:
            classes[name] = probabilities(values, heads[name].temperature)
        scores[name] = classes[name][:, -1] if name in classes else values[:, 0]
    agreement = {} if measured is None else {name: _agreement(score, measured) for name, score in scores.items()}
    trained = taught(source) if heads and isinstance(source, str | os.PathLike) else None
    near = trained and trained.nearest(wild)
    facts = known.query.name, wild, named, model.config.name, cycles, every
    return Scan(*facts, scores, classes, heads, measured, agreement, near or None, tuple(notes), meaningless)


def _opened(source: Source, preset: str | None) -> tuple[AlphaFold, dict, str]:
    if isinstance(source, tuple):
        return *source, source[0].config.name
    if str(source) in PACKAGED and preset is None:
        model, params = load(str(source))
    else:
        model, params = load(Path(source)) if preset is None else load(preset, source)
    return model, params, str(source)


def _asked(wild: str, positions, variants) -> tuple[tuple[Mutations, ...], np.ndarray | None, list[str]]:
    """(the variants, what was measured of them, notes)."""
    if variants is not None:
        if positions is not None:
            raise InputError("give either positions or variants, not both")
        if not isinstance(variants, str | os.PathLike):
            every = tuple(tables.substitutions(wild, text) for text in variants)
            if not every:
                raise InputError("there is no variant to score; give one or more, such as A23G")
            return every, None, []
        found = tables.read(Path(variants), wild)
        beyond = int((found.bound != 0).sum())
        notes = [f"{beyond} measured values are limits, and no correlation reads them"] if beyond else []
        measured = None if found.value is None else np.where(found.bound == 0, found.value, np.nan)
        return found.mutations, measured, notes
    places = parsed(positions, len(wild)) if isinstance(positions, str) else positions
    every = tables.singles(wild, dict.fromkeys(range(1, len(wild) + 1) if places is None else places))
    if not every:
        raise InputError("there is no variant to score: no residue that was asked for is one of the 20 amino acids")
    odd = "".join(sorted({letter for letter in wild if letter not in tables.RESTYPES}))
    return every, None, [f"residues {odd} of the wild type have no variants"] if odd else []


def parsed(text: str, length: int) -> list[int]:
    """The numbers that "10-40,55" names.

    Raises:
        InputError: it names none, or one outside 1 to `length`.
    """
    found: list[int] = []
    for part in text.replace(" ", "").split(","):
        match = RANGE.fullmatch(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 0 < first <= last:
            raise InputError(f'positions "{text[:40]}": {_cure(part)}')
        if last > length:
            raise InputError(f"position {last} is past the end: the wild type has residues 1 to {length}")
        found += range(first, last + 1)
    return found


def _cure(part: str) -> str:
    """What to write in place of a part of `positions` that names no residues."""
    numbers = LETTERS.sub("", part)
    if numbers != part and RANGE.fullmatch(numbers):
        return f"residues are named by number alone; write {numbers} in place of {part}"
    if variant := FORM.fullmatch(part):
        return f"{part} is a variant, not a residue; write {variant[2]}, or give it as one of the variants"
    return "expected numbers from 1 and ranges, such as 10-40,55"


def _leaks(source: Source, model: AlphaFold, named: str) -> str:
    """Why masked marginals of a network mean nothing; "": they may be asked for."""
    config = model.config
    if not config.heads.masked_msa:
        return f"{named} has no masked-MSA head, so that there are no zero-shot scores; ask its heads alone"
    if _hid(source) or config.name in PACKAGED:
        return ""
    return (
        f"{named} ({config.name}) reads each residue from target_feat and was never trained with it hidden, so that "
        "masked marginals mean nothing; use a run trained with mask_target above 0, or heads of variants"
    )


def _hid(source: Source) -> bool:
    """Whether a network was trained with residues of the query hidden in all that it reads, as runs tell."""
    if not (isinstance(source, str | os.PathLike) and is_run(source)):
        return False
    training = training_of(source)
    return training.mask_target > 0 or (bool(training.params) and _hid(training.params))


def _agreement(score: np.ndarray, measured: np.ndarray) -> float:
    known = np.isfinite(measured)
    return spearman(score[known], measured[known])
