"""Deep mutational scans: read as they are, mutants that do not fit named, and split as the page says."""

import numpy as np
import pytest

from af2jax.audit.explore import explore
from af2jax.audit.reference import COMPOSITION
from af2jax.config import preset
from af2jax.data import preflight
from af2jax.data.dataset import read_dataset
from af2jax.data.items import read_item
from af2jax.data.labels import Label
from af2jax.errors import InputError
from tests.audit import planted, sets
from tests.data import molecules

pytestmark = pytest.mark.medium("studies whole data sets")


def test_a_scan_is_read_as_it_is(found, tmp_path):
    rows = planted.scan()
    items = read_dataset(sets.save(tmp_path, rows))
    assert len(items) == 448 and len({item.sequence for item in items}) == 448
    assert all(item.wild == planted.WILD and len(item.mutations) == 1 and not item.fault for item in items)
    given = [dict(row, sequence=item.sequence) for row, item in zip(rows, items, strict=True)]  # the variant's
    again = read_dataset(sets.save(tmp_path, given, "variants.csv"))
    assert [(item.sequence, item.wild) for item in again] == [(item.sequence, item.wild) for item in items]
    assert "contradicting labels" not in found(rows, "score") and "contradicting labels" not in found(given, "score")


def test_mutants_that_do_not_fit_are_named(found):
    rows = planted.scan()
    for row in rows:
        if row["mutant"][1:-1] in ("5", "15", "25"):
            row["mutant"] = "W" + row["mutant"][1:]
        if row["mutant"][1:-1] == "31":
            row["mutant"] = f"{row['mutant'][0]}30{row['mutant'][-1]}"
    out = found(rows, "score")["mutants that do not fit"]
    planted.told(
        out,
        "serious",
        "mutants name another residue than the sequence has, at 4 positions",
        "Correct the positions",
    )
    assert "items that cannot be used" not in found(rows, "score")  # the same rows, told once
    assert any(row.startswith("W5: the sequence has L (8 rows, ") for row in out.rows)
    assert any(row.startswith("K30: the sequence has F") and row.endswith("; K is residue 31") for row in out.rows)


@pytest.mark.parametrize("by", [20, 100])
def test_numbers_that_are_all_shifted(found, by):
    rows = planted.scan()
    for row in rows:
        row["mutant"] = f"{row['mutant'][0]}{int(row['mutant'][1:-1]) + by}{row['mutant'][-1]}"
    message = f"all fit if -{by} is added to the numbers"
    if by == 100:  # beyond the sequence, so that no row can be used
        with pytest.raises(InputError, match=f"none of 448 items can be used; .*; {message}$"):
            found(rows, "score")
    rows.append({"mutant": "", "sequence": planted.WILD, "split": "train", "score": "0.0"})
    assert found(rows)["mutants that do not fit"].title.endswith(f"positions; {message}")


def test_a_shifted_number_that_fits_by_chance_is_not_used(found, tmp_path):
    """Six of 42 positions have the letter of the one 14 residues before."""
    rows = planted.scan()
    for row in rows:
        row["mutant"] = f"{row['mutant'][0]}{int(row['mutant'][1:-1]) + 14}{row['mutant'][-1]}"
    faults = [item.fault for item in read_dataset(sets.save(tmp_path, rows))]
    assert all(faults) and sum(": mutant" in fault and " fits by chance alone: " in fault for fault in faults) >= 48
    with pytest.raises(InputError, match=r"none of 448 items can be used; .*; all fit if -14 is added to the numbers$"):
        found(rows, "score")
    for row in rows[100:]:
        row["mutant"] = f"{row['mutant'][0]}{int(row['mutant'][1:-1]) - 14}{row['mutant'][-1]}"
    faults = [item.fault for item in read_dataset(sets.save(tmp_path, rows))]
    assert not any(faults[100:]) and any(faults[:100])  # most fit: what does not is named by itself


def test_a_variant_is_no_wild_type(found, tmp_path):
    """Where the other rows have the wild type, a number shifted onto the new letter does not make it a variant."""
    rows, wild = planted.scan(), planted.WILD
    place = next(i for i in range(2, len(wild)) if wild[i] != wild[i - 1])
    row = next(row for row in rows if row["mutant"] == f"{wild[place - 1]}{place}{wild[place]}")
    row["mutant"] = f"{wild[place - 1]}{place + 1}{wild[place]}"  # residue place + 1 is the new letter
    faults = [item.fault for item in read_dataset(sets.save(tmp_path, rows)) if item.fault]
    assert len(faults) == 1 and faults[0].endswith(
        "is in the sequence already, which is the wild type of the other rows"
    )
    told = found(rows, "score")
    assert "contradicting labels" not in told and told["mutants that do not fit"].title.startswith("1 of 448 mutants")


def test_variants_across_the_split_have_none(tmp_path):
    rows, wild = planted.scan(), planted.WILD
    for i in range(0, 40, 2):
        letters = "".join("A" if wild[j] != "A" else "G" for j in (i, i + 1))
        mutant = f"{wild[i]}{i + 1}{letters[0]}:{wild[i + 1]}{i + 2}{letters[1]}"
        rows.append({"mutant": mutant, "sequence": wild, "split": "", "score": "0.5"})
    for row in rows:
        row["split"] = ""
    audit = explore(sets.save(tmp_path, rows), "score")
    left, train = audit.proposal.split.count(""), audit.proposal.split.count("train")
    assert 0 < left <= 20
    assert f"{left} variants change residues of several parts: no split." in audit.proposal.remarks
    reasons = {choice.name: choice.why for choice in audit.proposal.settings}
    assert f"{len(rows) - left} items given a split" in reasons["data"] and f"{train} training" in reasons["batch_size"]
    label = {"score": Label(False, 0)}
    found = preflight.check(read_dataset(sets.save(tmp_path, rows)), label, preset("tiny"))
    told = [reason for _, reason in found.problems]
    assert told and all("its mutations change residues of several parts" in reason for reason in told)


def test_a_random_split_of_a_scan(found, tmp_path):
    rng, rows = np.random.default_rng(0), planted.scan()
    for row in rows:
        row["split"] = rng.choice(["train", "valid", "test"], p=[0.8, 0.1, 0.1])
    out = found(rows, "score")
    planted.told(
        out["positions in several splits"], "serious", "held-out variants change residues that", "which is by position"
    )
    plain = [
        {"id": row["mutant"], "sequence": item.sequence, "split": row["split"], "score": row["score"]}
        for row, item in zip(rows, read_dataset(tmp_path / "table.csv"), strict=True)
    ]
    assert "positions in several splits" in found(plain, "score")  # told by the sequences, without a column


@pytest.mark.parametrize("doubles", [False, True])
def test_the_split_that_is_proposed_for_a_scan_is_what_the_page_says(tmp_path, doubles):
    rows = [{name: cell for name, cell in row.items() if name != "split"} for row in planted.scan()]
    if doubles:
        pairs = [(rows[i]["mutant"], rows[i + 40]["mutant"], rows[i + 96]["mutant"]) for i in range(0, 300, 2)]
        rows += [{"mutant": f"{a}:{b}", "sequence": planted.WILD, "score": "1"} for a, b, _ in pairs]
        rows += [{"mutant": f"{a}:{b}:{c}", "sequence": planted.WILD, "score": "2"} for a, b, c in pairs]
    found = {one.kind: one for one in sets.propose(sets.save(tmp_path, rows), tmp_path / "out", ("score",))}
    way = "by number of mutations" if doubles else "by position"
    assert f"prepared.csv has one {way}" in found["no split"].advice
    assert f"prepared.csv is split {way}" in found["one family"].advice
    items = read_dataset(tmp_path / "out" / "prepared.csv")
    assert "positions in several splits" not in {
        one.kind: one for one in explore(tmp_path / "out" / "prepared.csv").findings
    }
    parts = {part: [item for item in items if item.split == part] for part in ("train", "valid", "test")}
    assert all(len(own) > 0.05 * len(items) for own in parts.values())
    if doubles:
        assert [{len(item.mutations) for item in own} for own in parts.values()] == [{1}, {2}, {3}]
    else:
        places = [{item.mutations[0].position for item in own} for own in parts.values()]
        assert not places[0] & places[1] and not places[0] & places[2] and not places[1] & places[2]


def test_a_scan_on_the_structure_of_its_wild_type(tmp_path):
    wild = "MKTAYIAKQRQISFVKSHFSRQ"
    molecules.save(tmp_path, molecules.pdb(molecules.peptide(wild)), "wild.pdb")
    rows = [
        {"id": f"v{i}", "file": "wild.pdb", "sequence": wild, "mutant": mutant, "score": str(i), "split": part}
        for i, (mutant, part) in enumerate([("K2A", "train"), ("T3G", "train"), ("A4W:Y5F", "valid"), ("K3A", "train")])
    ]
    items = read_dataset(sets.save(tmp_path, rows))
    report = preflight.check(items, {"score": Label(False)}, preset("tiny"))
    assert [item.id for item in report.items] == ["v0", "v1", "v2"] and report.sequences[0] == "MATAYIAKQRQISFVKSHFSRQ"
    assert "mutant K3A: residue 3 of the sequence is T, not K" in report.problems[0][1]
    known, other = read_item(items[0]), read_item(items[1])
    assert (
        known.sequence[1] == "A" and known.atom_mask[1, :5].tolist() == [True] * 5 and not known.atom_mask[1, 5:].any()
    )
    assert not other.atom_mask[2, 3] and other.atom_mask[2, [0, 1, 2, 4]].all()  # CB of a glycine


def test_mutations_in_other_forms_and_under_other_names(found, tmp_path):
    from af2jax.constants.residues import ONE_TO_THREE

    three = lambda mutant: f"p.{ONE_TO_THREE[mutant[0]].title()}{mutant[1:-1]}{ONE_TO_THREE[mutant[-1]].title()}"
    rows = planted.scan()
    items = read_dataset(sets.save(tmp_path, rows))
    for name, write in (("Mutation", str), ("hgvs_pro", three)):
        named = [
            {
                name: write(row["mutant"]),
                "wildtype_sequence": row["sequence"],
                "split": row["split"],
                "score": row["score"],
            }
            for row in rows
        ]
        again = read_dataset(sets.save(tmp_path, named, "other.csv"))
        assert [(item.sequence, item.mutations) for item in again] == [
            (item.sequence, item.mutations) for item in items
        ]
    skempi = [row | {"mutant": row["mutant"][0] + "B" + row["mutant"][1:]} for row in rows]  # with its chain
    planted.told(
        found(skempi, "score")["mutations that are not read"],
        "serious",
        f'"mutant" seems to name mutations, such as {skempi[0]["mutant"]}, and is not read',
        'Write them as A23G, several joined by ":", in a column "mutant"',
    )
    plain = [
        {"id": f"p{i}", "code": f"AB{i}C", "sequence": row["sequence"], "score": "1.5"}
        for i, row in enumerate(planted.proteins())
    ]
    assert "mutations that are not read" not in found(plain)


def scans(number: int) -> planted.Rows:
    """Scans of so many unrelated proteins, in which the same positions are changed."""
    rng, rows = np.random.default_rng(1), []
    for i in range(number):
        wild = "".join(rng.choice(planted.LETTERS, 40, p=COMPOSITION))
        part = {0: "test", 1: "valid"}.get(i, "train")
        for place, old in enumerate(wild, 1):
            new = "A" if old != "A" else "G"
            row = {"mutant": f"{old}{place}{new}", "sequence": wild, "split": part, "score": f"{rng.normal():.3f}"}
            rows.append(row)
    return rows


def test_positions_are_compared_within_one_wild_type(found):
    rows = scans(3)
    assert "positions in several splits" not in found(rows, "score")
    for i, row in enumerate(rows):
        row["split"] = ("train", "valid", "test")[i % 3]
        row["mutant"] = f"{row['mutant'][:-1]}{'W' if row['mutant'][0] != 'W' else 'F'}"
    rows += [row | {"mutant": f"{row['mutant'][:-1]}{'Y' if row['mutant'][0] != 'Y' else 'F'}"} for row in rows]
    for row in rows[120:]:
        row["split"] = "train"
    planted.told(found(rows, "score")["positions in several splits"], "serious", "training changes too", "by protein")


@pytest.mark.parametrize("number, way", [(6, "by cluster"), (2, "by position")])
def test_scans_of_several_proteins_are_split_by_protein(tmp_path, number, way):
    """Which two cannot be; a training without a split does the same."""
    rows = [{name: cell for name, cell in row.items() if name != "split"} for row in scans(number)]
    table = sets.save(tmp_path, rows)
    told = {one.kind: one for one in sets.propose(table, tmp_path / "out", ("score",))}
    assert way in told["no split"].advice
    prepared = read_dataset(tmp_path / "out" / "prepared.csv")
    trained = preflight.check(read_dataset(table), {"score": Label(False)}, preset("tiny")).items
    for items in (prepared, trained):
        assert {item.split for item in items} == {"train", "valid", "test"}
        parts = [{item.split for item in items if item.wild == wild} for wild in {item.wild for item in items}]
        assert all((len(own) == 1) == (number == 6) for own in parts)
