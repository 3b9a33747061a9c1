"""Baselines see the residue on which each label sits, wherever the file has more residues than the table."""

import gzip

import numpy as np
import pytest

from af2jax.constants.residues import ONE_TO_THREE
from af2jax.data import items
from af2jax.data.dataset import read_dataset
from af2jax.data.labels import Label
from af2jax.evaluation import entries, nearest_chain
from af2jax.evaluation.entries import _learnt
from af2jax.evaluation.evaluate import sequence_of
from af2jax.metrics.baselines import WINDOW, _windows, baselines

FULL = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAP"
GAPS = {
    "none": [],
    "before": [*range(6)],
    "inside": [*range(12, 17)],
    "after": [*range(30, 35)],
    "before, inside and after": [0, 1, 2, 13, 14, 15, 32, 33, 34],
}


def pdb(gaps: list[int]) -> str:
    """A chain with the SEQRES of `FULL`, of which the residues `gaps` were not observed: a helix."""
    names = ONE_TO_THREE
    lines = ["REMARK 465", *(f"REMARK 465     {names[FULL[i]]} A  {i + 1:4d}" for i in gaps)]
    for start in range(0, len(FULL), 13):
        row = " ".join(names[letter] for letter in FULL[start : start + 13])
        lines.append(f"SEQRES {start // 13 + 1:3d} A {len(FULL):4d}  {row}")
    serial = 1
    for i, letter in enumerate(FULL):
        if i in gaps:
            continue
        for atom, shift in (("N", -0.5), ("CA", 0.0), ("C", 0.6)):
            x, y, z = 2.3 * np.cos(1.745 * i) + shift, 2.3 * np.sin(1.745 * i), 1.5 * i + shift
            lines.append(
                f"ATOM  {serial:5d}  {atom:<3s} {names[letter]} A{i + 1:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00 20.00"
                f"           {atom[0]}  "
            )
            serial += 1
    return "\n".join([*lines, "TER", "END", ""])


@pytest.fixture(params=GAPS)
def table(request, tmp_path):
    """(a table whose `sequence` is the observed residues and whose label is each residue's own letter, the gaps)."""
    gaps = GAPS[request.param]
    observed = "".join(letter for i, letter in enumerate(FULL) if i not in gaps)
    (tmp_path / "a.pdb").write_text(pdb(gaps))
    with gzip.open(tmp_path / "b.pdb.gz", "wt") as file:
        file.write(pdb(gaps))
    rows = [f"{name},{file},{observed},{observed}" for name, file in (("a", "a.pdb"), ("b", "b.pdb.gz"))]
    (tmp_path / "t.csv").write_text("\n".join(["id,file,sequence,own", *rows]) + "\n")
    return tmp_path / "t.csv", gaps


LETTERS = tuple(sorted(set(FULL)))
OWN = Label(True, len(LETTERS), LETTERS)  # the class of a residue is its type: a baseline that sees it is never wrong


def test_labels_and_residues_meet(table):
    path, gaps = table
    learn = _learnt(read_dataset(path), "own", OWN, None, lambda *_: None)
    assert len(learn) == 2
    for known in learn:
        assert known.sequence == FULL
        seen = [known.sequence[i] for i in known.place]
        assert seen == [LETTERS[c] for c in known.label] and not set(known.place) & set(gaps)
        middle = _windows(known).reshape(len(seen), 2 * WINDOW + 1, -1)[:, WINDOW]
        assert len({(letter, row.argmax()) for letter, row in zip(seen, middle, strict=True)}) == len(set(seen))


def test_a_baseline_reads_the_residue_of_its_label(table):
    learn = _learnt(read_dataset(table[0]), "own", OWN, None, lambda *_: None)
    found = baselines(learn, learn, True, OWN.classes)
    for known, answers in zip(learn, found["logistic regression on sequence"], strict=True):
        assert np.mean(answers.argmax(-1) == known.label) == 1


def test_the_whole_chain_is_evaluated(table):
    """The length of a target is that of its structure's sequence: by the table's it would be cropped."""
    for item in read_dataset(table[0]):
        assert sequence_of(item) == FULL == "".join(items.read_item(item).chains)
    traces = nearest_chain._known(read_dataset(table[0]))
    assert all(len(t.sequence) == len(t.points) == len(FULL) for t in traces.values())


def test_a_sequence_alone_is_read_as_it_stands(tmp_path):
    (tmp_path / "t.csv").write_text("id,sequence\na,MKT:GDE\n")
    assert sequence_of(read_dataset(tmp_path / "t.csv")[0]) == "MKT/GDE"


@pytest.mark.medium("reads many chains")
def test_real_chains_with_missing_residues(shared):
    """Those of a real table whose `sequence` is the observed residues."""
    known = [item for item in read_dataset(shared / "data" / "chains.tsv") if item.file and item.sequence][:60]
    longer = 0
    for item in known:
        chain = items.read_item(item)
        place = np.flatnonzero(chain.observed)
        windows = _windows(entries.Known(sequence_of(item), np.zeros(len(place), int), place))
        assert len(windows) == len(place)
        middle = windows.reshape(len(place), 2 * WINDOW + 1, -1)[:, WINDOW].argmax(-1)
        np.testing.assert_array_equal(middle, np.minimum(chain.aatype[place], 20))
        longer += len(chain.aatype) > len(item.sequence)
    assert longer
