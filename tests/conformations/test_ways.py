"""Plans: controls run beside each way with the same sizes, seeds reproduce, and what cannot be made is told before."""

import numpy as np
import pytest

from af2jax.conformations import WAYS, ways
from af2jax.data import subsets
from af2jax.data.alignment import to_a3m
from af2jax.data.parse import Alignment
from af2jax.errors import InputError
from tests.data.test_subsets import planted


def alignment(sizes=(9, 5, 4)) -> Alignment:
    codes = planted(0, sizes)
    names = tuple(f"row{i}" for i in range(len(codes)))
    letters = "ARNDCQEGHILKMFPSTWYV"
    return Alignment(names, codes, np.zeros(codes.shape, np.int32), "".join(letters[c] for c in codes[0]))


KNOWN = alignment()


def plans(asked, models=3, seed=0, known=KNOWN):
    found = ways.planned(known, ways.parsed(asked), models, seed, "x")
    return {way: [plan for plan in found if plan.way == way] for way in WAYS if any(p.way == way for p in found)}


def test_uniform_parts_have_the_sizes_of_the_clusters_beside_them():
    for asked in ("clusters", "uniform"):
        found = plans(asked)
        sizes = [len(plan.alignment.codes) for plan in found["uniform"]]
        assert sizes == [10, 6, 5] and len(found["seeds"]) == (1 if asked == "clusters" else 3)
    found = plans("clusters")
    assert [len(plan.alignment.codes) for plan in found["clusters"]] == sizes
    assert all(np.array_equal(plan.alignment.codes[0], KNOWN.codes[0]) for each in found.values() for plan in each)
    inside = [set(plan.alignment.names) for plan in found["clusters"]]
    assert inside[0] & inside[1] == {"row0"} and inside[0] != set(found["uniform"][0].alignment.names)


@pytest.mark.parametrize("asked", ["columns", "depths", "dropout"])
def test_the_control_is_the_alignment_as_it_is(asked):
    found = plans(asked)
    assert list(found) == [asked, "seeds"] and len(found[asked]) == len(found["seeds"]) == 3
    assert [plan.seed for plan in found["seeds"]] == [0, 1, 2] and {plan.seed for plan in found[asked]} == {0}
    assert all(plan.alignment is KNOWN and plan.key is None for plan in found["seeds"])
    keys = [plan.key for plan in found[asked]]
    assert len(set(keys)) == 3 if asked == "dropout" else keys == [None] * 3


def test_all_ways_and_the_whole_alignment_first():
    found = ways.planned(KNOWN, ways.parsed("all"), 3, 5, "x")
    assert found[0].way == "seeds" and found[0].alignment is KNOWN and found[0].seed == 5
    assert {plan.way for plan in found} == set(WAYS) and len(found) == 18
    assert all(WAYS[way.control].control in WAYS or way.control == "seeds" for way in WAYS.values() if way.control)
    assert ways.parsed(" Columns, clusters") == ("clusters", "columns")


def test_the_same_seed_makes_the_same_parts_and_more_models_change_none():
    text = lambda found: {(p.way, p.number): (to_a3m(p.alignment), p.seed, p.key) for p in found}
    asked = ways.parsed("clusters,columns,dropout")
    few, again = (text(ways.planned(KNOWN, asked, 2, 3, "x")) for _ in range(2))
    more, other = (text(ways.planned(KNOWN, asked, *n, "x")) for n in ((3, 3), (2, 4)))
    assert few == again and few.items() <= more.items() and len(more) > len(few)
    assert all(few[way, 1][0] != other[way, 1][0] for way in ("uniform", "columns"))
    assert few["dropout", 1][2] != other["dropout", 1][2]
    assert few["clusters", 1][0] == other["clusters", 1][0]


@pytest.mark.parametrize(
    "asked, models, rows, message",
    [
        ("clusters", 3, 1, 'x: the way "clusters" needs an alignment, and the query stands alone; give one, or '),
        ("columns", 3, 1, 'x: the way "columns" needs an alignment'),
        ("clusters", 8, 4, "x: the alignment has 3 rows besides the query, fewer than the 8 clusters that are asked"),
        ("uniform", 8, 3, "fewer than the 8 clusters that are asked for, and no cluster of 3 rows and more, as they"),
        ("clusters", 2, 3, "x: the alignment has 2 rows besides the query, and no cluster of 3 rows and more, as"),
    ],
)
def test_what_cannot_be_made(asked, models, rows, message):
    with pytest.raises(InputError) as error:
        plans(asked, models, known=ways.take(KNOWN, np.arange(rows)))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_all_ways_are_those_that_can_run():
    alone = ways.take(KNOWN, np.array([0]))
    told = "the query stands alone: clusters, uniform, columns, depths need an alignment and are left out"
    assert ways.runnable("all", alone) == (("dropout", "seeds"), told)
    assert ways.runnable("all,columns", alone)[0] == ("columns", "dropout", "seeds")  # named, so that it is refused
    assert ways.runnable("clusters", alone) == (("clusters",), "")
    assert ways.runnable("all", KNOWN) == (ways.parsed("all"), "")


def test_how_many_models_an_alignment_can_give():
    few = ways.take(KNOWN, np.concatenate([[0], subsets.clusters(KNOWN.codes)[0][:4]]))
    assert ways.limits(few, ("clusters", "dropout")) == {"clusters": 1} and ways.limits(few, ("columns",)) == {}
    assert ways.limits(KNOWN, ("uniform",)) == {"uniform": len(subsets.clusters(KNOWN.codes))}


def test_rows_that_repeat_each_other_count_once():
    known = ways.take(KNOWN, np.array([0, 1, 1, 1, 1]))
    with pytest.raises(InputError, match="has 1 row besides the query, fewer than the 2 clusters"):
        plans("clusters", 2, known=known)
    assert list(plans("dropout", 2, known=ways.take(KNOWN, np.array([0, 0])))) == ["dropout", "seeds"]


def test_what_is_told_of_too_few_rows_cures_it():
    """Four rows of one cluster: eight clusters cannot be had, nor four; one can, or a way that needs none."""
    few = ways.take(KNOWN, np.concatenate([[0], subsets.clusters(KNOWN.codes)[0][:4]]))
    with pytest.raises(InputError) as error:
        plans("clusters", 8, known=few)
    assert "has 4 rows besides the query, fewer than the 8 clusters that are asked for, and 1 cluster; " in str(
        error.value
    )
    assert "ask for columns, depths or dropout, which need no clusters, or give a deeper" in str(error.value)
    assert str(error.value).endswith("or ask for 1 model of each way")
    assert len(plans("clusters", 1, known=few)["clusters"]) == 1
    assert len(plans("columns,depths,dropout", 8, known=few)["columns"]) == 8


@pytest.mark.parametrize(
    "text, message",
    [
        ("cluster", 'no way is called "cluster"; did you mean "clusters"? (known: clusters, uniform, '),
        ("", 'no way is called ""'),
        ((), "name at"),
    ],
)
def test_unknown_ways(text, message):
    with pytest.raises(InputError) as error:
        ways.parsed(text)
    assert message in str(error.value)
