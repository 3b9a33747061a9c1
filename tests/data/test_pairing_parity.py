"""The joint alignment of a complex: equal to what DeepMind's code makes of the same alignments, in every cell.

DeepMind's order of equals is that of an unstable sort, which depends on the machine. Here its sorts are made stable,
and one test without ties leaves them alone. The oracle is alphafold-colabfold, in which the lines that drop repeated
rows are commented out, so they are dropped before it sees them.
"""

import gzip
import types
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from af2jax.constants.residues import GAP, LETTERS
from af2jax.data import species
from af2jax.data.pairing import Joint, pair
from af2jax.data.parse import Alignment
from af2jax.data.pipeline import join_alignments, read_alignment

pytestmark = pytest.mark.parity


@pytest.fixture(scope="module")
def theirs():
    """DeepMind's modules, with stable sorts."""
    reason = "the oracle (alphafold-colabfold) is not installed"
    modules = types.SimpleNamespace(
        **{
            name: pytest.importorskip(f"alphafold.data.{name}", reason=reason)
            for name in (
                "feature_processing",
                "msa_identifiers",
                "msa_pairing",
                "parsers",
                "pipeline",
                "pipeline_multimer",
            )
        }
    )
    import pandas as pd

    unstable = pd.DataFrame.sort_values

    class Stable:
        def __getattr__(self, name):
            return getattr(np, name)

        def argsort(self, x):
            return np.argsort(x, kind="stable")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(modules.msa_pairing, "np", Stable())
        patch.setattr(pd.DataFrame, "sort_values", lambda *a, **k: unstable(*a, **{"kind": "stable"} | k))
        yield modules


THEIR_ORDER = "ACDEFGHIKLMNPQRSTVWYX-"  # of the codes in DeepMind's files
TO_THEIRS = np.array([THEIR_ORDER.index(letter) for letter in LETTERS], np.int32)


def distinct(alignment: Alignment) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The first row of each kind: DeepMind's codes, deletions, names."""
    seen, kept = set(), []
    for index, row in enumerate(alignment.codes.tolist()):
        if tuple(row) not in seen:
            kept.append(index)
        seen.add(tuple(row))
    return TO_THEIRS[alignment.codes[kept]], alignment.deletions[kept], [alignment.names[i] for i in kept]


def features(sequence: str, unpaired: Alignment, paired: Alignment | None) -> dict:
    """What DeepMind's pipeline knows about one chain before chains meet."""
    n_res = len(sequence)
    codes, deletions, _ = distinct(unpaired)
    found = {
        "sequence": sequence,
        "aatype": np.zeros(n_res, np.int32),
        "residue_index": np.arange(n_res, dtype=np.int32),
        "seq_length": np.asarray(n_res),
        "msa": codes,
        "deletion_matrix_int": deletions,
        "num_alignments": np.asarray(len(codes)),
    }
    if paired is not None:
        found["msa_all_seq"], found["deletion_matrix_int_all_seq"], names = distinct(paired)
        kinds = ["", *map(species.species_of, names[1:])]
        found["msa_species_identifiers_all_seq"] = np.array([kind.encode() for kind in kinds], object)
    return found


def merged(theirs, sequences: list[str], unpaired: list, paired: list, rows: int = 2048) -> tuple[dict, np.ndarray]:
    """DeepMind's merged features and the rows that it pairs. A copy has what the first copy has."""
    first = [sequences.index(sequence) for sequence in sequences]
    several = len(set(sequences)) > 1
    chains = {
        str(place): features(sequences[place], unpaired[i], paired[i] if several else None)
        for place, i in enumerate(first)
    }
    chains = theirs.pipeline_multimer.add_assembly_features(chains)
    pairs = np.zeros((1, len(sequences)), int)
    if several:
        copies = [dict(chain) for chain in chains.values()]
        pairs = theirs.msa_pairing.reorder_paired_rows(theirs.msa_pairing.pair_sequences(copies))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(theirs.feature_processing, "MSA_CROP_SIZE", rows)
        return theirs.feature_processing.pair_and_merge(chains), pairs


def assert_equal(found: Joint, expected: dict) -> None:
    np.testing.assert_array_equal(found.alignment.codes, expected["msa"])
    np.testing.assert_array_equal(found.alignment.deletions, expected["deletion_matrix"])
    np.testing.assert_array_equal(found.bert_mask, expected["bert_mask"])
    for name in ("asym_id", "entity_id", "sym_id", "residue_index"):
        np.testing.assert_array_equal(getattr(found.ids, name), expected[name])


def original(pairs: np.ndarray, alignments: list[Alignment]) -> np.ndarray:
    """Rows of alignments without repeats as rows of the alignments with them."""
    columns = []
    for column, alignment in zip(pairs.T, alignments, strict=True):
        first: dict[tuple, int] = {}
        for index, row in enumerate(alignment.codes.tolist()):
            first.setdefault(tuple(row), index)
        columns.append(np.array([*first.values(), -1])[column])
    return np.stack(columns, axis=1)


def check(theirs, sequences: list[str], unpaired: list, paired: list, rows: int = 2048) -> Joint:
    """The joint alignment, after it was compared with DeepMind's."""
    expected, pairs = merged(theirs, sequences, unpaired, paired, rows)
    found = pair(sequences, unpaired, paired, rows=rows)
    own = [paired[sequences.index(sequences[chain])] for chain in found.order]
    np.testing.assert_array_equal(found.pairs, original(pairs, own)[: rows // 2])
    assert_equal(found, expected)
    return found


# Made-up complexes


def made(rng: np.random.Generator, rows: int, width: int, kinds: str, query: np.ndarray | None = None) -> Alignment:
    """Few letters, so that rows are alike, repeat one another and are gaps only; some are of no species."""
    codes = rng.choice([0, 4, 4, GAP], (rows, width)).astype(np.int8)
    codes[0] = rng.integers(0, 20, width) if query is None else query
    codes[1:] = np.where(rng.random((rows - 1, width)) < 0.5, codes[0], codes[1:])
    codes[1:][rng.random(rows - 1) < 0.1] = GAP
    deletions = (rng.integers(1, 9, codes.shape) * (rng.random(codes.shape) < 0.3)).astype(np.int32)
    deletions[0] = 0
    names = ["query"] + [
        f"tr|A0A{i:03}|R{i}_{rng.choice(list(kinds))}/1-9" if rng.random() < 0.9 else f"UniRef90_R{i}"
        for i in range(1, rows)
    ]
    return Alignment(tuple(names), codes, deletions, "".join(LETTERS[code] for code in codes[0]))


LAYOUTS = ["AB", "ABC", "AAB", "ABA", "ABCA", "AABB", "ABCD", "AA", "AAA", "A"]


@pytest.mark.medium("pairs by DeepMind's code too")
@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.sampled_from(LAYOUTS), st.sampled_from([2, 5, 16, 2048]))
def test_made_up_complexes(theirs, seed, layout, rows):
    rng = np.random.default_rng(seed)
    unpaired, paired = {}, {}
    for place, letter in enumerate(sorted(set(layout))):
        width = 4 + place
        unpaired[letter] = made(rng, int(rng.integers(1, 60)), width, "X")
        size = int(rng.choice([1, 3, 80]))  # 1: a chain without hits
        paired[letter] = made(rng, size, width, "UVWXYZ"[place:], unpaired[letter].codes[0])
    sequences = [unpaired[letter].query for letter in layout]
    check(theirs, sequences, [unpaired[letter] for letter in layout], [paired[letter] for letter in layout], rows)


@pytest.mark.parametrize("count, pairs", [(600, 1 + 600), (601, 1)])
def test_more_rows_of_a_species_than_tell_anything(theirs, count, pairs):
    rng = np.random.default_rng(0)
    crowd = [made(rng, count + 1, 40, "M") for _ in range(2)]
    for one in crowd:  # no repeats, and all of the species
        one.codes[1:, :10] = np.array([list(f"{i:010b}") for i in range(count)]).astype(np.int8)
    crowd = [one._replace(names=("query", *(f"tr|A0A{i:03}|R{i}_M" for i in range(count)))) for one in crowd]
    found = check(theirs, [one.query for one in crowd], crowd, crowd)
    assert len(found.pairs) == pairs


def test_sorts_of_deepminds_own_where_there_are_no_ties():
    """Each row of a chain differs from the query in a number of places of its own."""
    msa_pairing = pytest.importorskip("alphafold.data.msa_pairing", reason="the oracle is not installed")
    n_res, chains, likeness = 61, [], []
    for step in (7, 11):
        codes = np.zeros((n_res, n_res), np.int8)
        for row in range(1, n_res):
            codes[row, : row * step % n_res] = 1
        kinds = [b"", *(f"S{row % 9}".encode() for row in range(1, n_res))]
        chains.append({"msa_all_seq": codes, "msa_species_identifiers_all_seq": np.array(kinds, object)})
        likeness.append(species.similarity(codes))
        assert len(set(likeness[-1])) == n_res
    expected = msa_pairing.reorder_paired_rows(msa_pairing.pair_sequences(chains))
    kinds = [[kind.decode() for kind in chain["msa_species_identifiers_all_seq"]] for chain in chains]
    found = species.by_species(kinds, likeness)
    np.testing.assert_array_equal(np.prod(found, axis=1), np.prod(expected, axis=1))
    assert sorted(found.tolist()) == sorted(expected.tolist()) and len(found) == n_res


@pytest.mark.medium("parses by DeepMind's code too")
@settings(max_examples=200, deadline=None)
@given(
    st.from_regex(r"(tr|sp|up)\|[A-Za-z0-9]{5,11}(_[0-9]{1,2})?\|[A-Z0-9]{1,9}_[A-Z0-9]{0,6}(_[0-9]{1,2})?([/ ].*)?")
)
def test_species_of_uniprot(theirs, header):
    assert species.species_of(header) == theirs.msa_identifiers.get_identifiers(header).species_id


# Real ones


@pytest.fixture(scope="module")
def real(shared):
    """`real(path, ...)`: the alignments of one chain, joined."""
    return lambda *names: join_alignments([shared / "data" / "msa" / name for name in names])


NAMES = ("uniref90_hits.sto", "bfd_uniref_hits.a3m", "mgnify_hits.sto")


def searches(shared, case: str) -> list[Path]:
    folder = shared / "data" / "msa" / case
    return [next(folder.glob(f"{name}*")) for name in NAMES]


def test_species_of_all_uniprot_rows(theirs, shared):
    count = 0
    for path in sorted((shared / "data" / "msa").rglob("*")):
        if path.name.removesuffix(".gz").endswith((".a3m", ".sto")):
            data = path.read_bytes()
            text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode(errors="replace")
            for line in text.splitlines():
                header = line.removeprefix(">").strip()
                if header.startswith(("tr|", "sp|")):
                    assert species.species_of(header) == theirs.msa_identifiers.get_identifiers(header).species_id
                    count += 1
    assert count > 30_000


def test_a_virus_and_its_host_from_deepminds_own_parsers(theirs, shared):
    """3l4q: NS1 of influenza and p85 have no species in common, so only the queries are paired, 1777 rows in blocks."""
    sequences, unpaired, paired, chains = [], [], [], {}
    for case in ("3l4q_A", "3l4q_C"):
        paths = searches(shared, case)
        unpaired.append(join_alignments(paths))
        paired.append(read_alignment(paths[1]))
        sequences.append(paired[-1].query)
        texts = [(gzip.decompress(p.read_bytes()) if p.suffix == ".gz" else p.read_bytes()).decode() for p in paths]
        parse = theirs.parsers.parse_a3m
        msas = [theirs.parsers.parse_stockholm(texts[0]), parse(texts[1]), theirs.parsers.parse_stockholm(texts[2])]
        made = theirs.pipeline.make_msa_features([_distinct(theirs.parsers, msas)])
        pairable = theirs.pipeline.make_msa_features([_distinct(theirs.parsers, msas[1:2])])
        chain = features(sequences[-1], unpaired[-1], None)
        chain |= {name: made[name] for name in ("msa", "deletion_matrix_int")}
        chain["num_alignments"] = np.asarray(len(made["msa"]))
        names = ("msa", "deletion_matrix_int", "msa_species_identifiers")
        chains[case] = chain | {f"{name}_all_seq": pairable[name] for name in names}
    expected = theirs.feature_processing.pair_and_merge(theirs.pipeline_multimer.add_assembly_features(chains))
    found = pair(sequences, unpaired, paired)
    assert found.pairs.tolist() == [[0, 0]] and len(found.alignment.codes) == 1778
    assert_equal(found, expected)
    assert_equal(check(theirs, sequences, unpaired, paired), expected)


def _distinct(parsers, msas: list):
    """The rows of several searches as one, without those that repeat, as DeepMind's own release has it."""
    first: dict[str, tuple] = {}
    for msa in msas:
        for row in zip(msa.sequences, msa.deletion_matrix, msa.descriptions, strict=True):
            first.setdefault(row[0], row)
    return parsers.Msa(*map(list, zip(*first.values(), strict=True)))


@pytest.mark.medium("pairs thousands of rows")
@pytest.mark.parametrize(
    "layout, rows, pairs, partial",
    [
        ("CZ", 2048, 70, 0),
        ("ZX", 2048, 180, 0),
        ("ZX", 200, 100, 0),
        ("CZX", 2048, 223, 193),
        pytest.param("XCXZ", 2048, 1024, 994, marks=pytest.mark.slow("pairs thousands of rows")),
    ],
)
def test_real_rows_of_many_species(theirs, real, layout, rows, pairs, partial):
    """C, Z and X stand for 3l4q_C, 5zyh_A and 7zzx_B: no complex, but real rows with many species in common."""
    paired = {
        "C": real("3l4q_C/bfd_uniref_hits.a3m.gz"),
        "Z": real("5zyh_A/pairing.a3m.gz"),
        "X": real("7zzx_B/pairing.a3m.gz"),
    }
    unpaired = {"C": paired["C"], "Z": real("5zyh_A/non_pairing.a3m.gz"), "X": real("7zzx_B/non_pairing.a3m.gz")}
    sequences = [paired[letter].query for letter in layout]
    found = check(theirs, sequences, [unpaired[x] for x in layout], [paired[x] for x in layout], rows)
    assert len(found.pairs) == pairs and (found.pairs < 0).any(axis=1).sum() == partial


# ColabFold's files, which are aligned row by row


@pytest.mark.parametrize("mode", ["greedy", "complete"])
@pytest.mark.parametrize("layout", ["AB", "ABC", "ABA"])
@pytest.mark.parametrize("rows", [2, 12, 2048])
def test_rows_aligned_by_the_server(theirs, mode, layout, rows):
    """As ColabFold does it: what the server sent is capped and merged; repeats are dropped as in AlphaFold."""
    rng = np.random.default_rng(len(layout) + rows)
    count, kinds = 40, sorted(set(layout))
    unpaired = {letter: made(rng, 30, 4 + place, "X") for place, letter in enumerate(kinds)}
    server = {k: made(rng, count, len(one.query), "X", one.codes[0]) for k, one in unpaired.items()}
    for one in server.values():
        one.codes[1:][rng.random(count - 1) < 0.3] = GAP
        one.deletions[(one.codes == GAP).all(axis=1)] = 0  # the server's row of gaps has no insertions
    present = np.stack([(server[k].codes != GAP).any(axis=1) for k in kinds]).sum(axis=0)
    sent = np.flatnonzero(present >= (2 if mode == "greedy" else len(kinds)))
    chains = {}
    for place, letter in enumerate(layout):
        chain = features(unpaired[letter].query, unpaired[letter], None)
        chain["msa_all_seq"] = TO_THEIRS[server[letter].codes[sent]]
        chain["deletion_matrix_int_all_seq"] = server[letter].deletions[sent]
        chain["num_alignments_all_seq"] = np.asarray(len(sent))
        chains[str(place)] = chain
    chains = theirs.pipeline_multimer.add_assembly_features(chains)
    theirs.feature_processing.process_unmerged_features(chains)
    merged = theirs.msa_pairing.deduplicate_unpaired_sequences(list(chains.values()))
    merged = theirs.feature_processing.crop_chains(merged, rows, True, 0)
    merged = theirs.msa_pairing.merge_chain_features(merged, True, 0)
    expected = theirs.feature_processing.process_final(merged)
    sequences = [unpaired[letter].query for letter in layout]
    found = pair(sequences, [unpaired[x] for x in layout], [server[x] for x in layout], mode, rows)
    np.testing.assert_array_equal(found.pairs.max(axis=1), sent[: rows // 2])
    assert_equal(found, expected)
