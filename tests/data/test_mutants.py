"""Mutations of scans: their form, wild type or variant, wrong letters and shifted numbers."""

import pytest

from af2jax.data import mutants
from af2jax.data.mutants import Mutation, changed, parse, shift, wild_type
from af2jax.errors import InputError

WILD = "MTYKLILNGKTLKGETTTEAVDA"


@pytest.mark.parametrize("text", ["T2A:Y3F", "T2A,Y3F", "p.T2A;Y3F", " t2a Y3f ", "T2A/Y3F", "T2A+Y3F"])
def test_forms(text):
    assert parse(text) == (Mutation("T", 2, "A"), Mutation("Y", 3, "F"))


@pytest.mark.parametrize("text", ["", "wt", "WT", "wild-type", "_wt"])
def test_the_wild_type(text):
    assert parse(text) == () and wild_type(WILD, ()) == WILD


@pytest.mark.parametrize(
    "text, message",
    [
        ("A2", "'A2' is not of the form A23G: it does not say what A2 becomes; write such as A2G"),
        ("T2AG", "'T2AG' puts 2 residues in place of one, which is an insertion: .* such as T2A; leave it out"),
        ("D1DA", "puts 2 residues in place of one, .* such as D1A; leave it out"),
        ("D1DD", "such as D1A; leave it out"),
        ("G2", "write such as G2A"),
        ("t2aaa", "puts 3 residues in place of one"),
        ("T2Xyz", "is not of the form A23G, or"),
        ("T2A:x", "is not of the form"),
        ("T2*", "has a stop codon"),
        ("T2A:T2G", "changes one residue twice"),
        ("del5", "is not of the form"),
    ],
)
def test_other_forms(text, message):
    with pytest.raises(InputError, match=message):
        parse(text)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("p.Ala23Gly", "A23G"),
        ("p.(Ala23Gly)", "A23G"),
        ("ALA23GLY", "A23G"),
        ("p.[Ala23Gly;Thr25Ser]", "A23G:T25S"),
        ("p.Ala23=", "A23A"),
    ],
)
def test_hgvs(text, expected):
    assert ":".join(map(str, parse(text))) == expected


def test_a_stop_codon_in_hgvs():
    with pytest.raises(InputError, match="has a stop codon"):
        parse("p.Ala23Ter")
    with pytest.raises(InputError, match="is not of the form A23G"):
        parse("p.Aha23Gly")


def test_a_row_has_the_wild_type_or_the_variant():
    mutations = parse("T2A:K10W")
    variant = changed(WILD, mutations)
    assert variant == "MAYKLILNGWTLKGETTTEAVDA"
    assert wild_type(WILD, mutations) == wild_type(variant, mutations) == WILD
    assert wild_type(WILD, parse("T2=")) == WILD  # silent


@pytest.mark.parametrize(
    "text, message",
    [
        ("A2G", "mutant A2G: residue 2 of the sequence is T, not A"),
        ("T2A:G99W", r"residue 99 of the sequence is nothing \(it has 23 residues\), not G"),
        ("M0A", "residue 0 of the sequence is nothing"),
    ],
)
def test_what_does_not_fit(text, message):
    with pytest.raises(InputError, match=message):
        wild_type(WILD, parse(text))


def test_numbers_that_are_shifted():
    named = [Mutation(letter, i + 1, "W") for i, letter in enumerate(WILD)]
    moved = lambda by: [m._replace(position=m.position + by) for m in named]
    assert shift(WILD, named) == 0 and shift(WILD, moved(20)) == -20 and shift(WILD, moved(-3)) == 3
    assert shift(WILD, [m._replace(wild="W") for m in named]) is None and shift(WILD, []) == 0


def test_the_column():
    row = lambda mutant: {"id": "x", "Mutant": mutant, "sequence": WILD}
    assert mutants.column([row("T2A"), row("WT"), row("A3G:K4W")]) == "Mutant"
    assert mutants.column([row("yes"), row("no"), row("T2A")]) == "" and mutants.column([]) == ""
    assert (
        mutants.column([{"variant": "v1", "hgvs_pro": "p.Thr2Ala"}, {"variant": "v2", "hgvs_pro": "_wt"}]) == "hgvs_pro"
    )
