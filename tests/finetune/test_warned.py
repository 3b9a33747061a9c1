"""What a training warns of before it begins: the same faults as the data report, each once."""

import logging

import pytest

from af2jax.errors import InputError
from af2jax.finetune import config
from af2jax.finetune.examples import Examples
from af2jax.finetune.prepare import prepare
from af2jax.heads import Head
from tests.audit import planted, sets

pytestmark = pytest.mark.medium("studies whole data sets")


def warned(tmp_path, caplog, rows, heads) -> list[str]:
    """What a training of a table says before it begins."""
    training = config.Training(
        str(sets.save(tmp_path, rows)), preset="tiny", recipe="heads", heads=heads, crop=32, steps=1, num_recycle=0
    )
    with caplog.at_level(logging.WARNING):
        try:
            Examples(training, prepare(training).state, tmp_path / "run")
        except InputError as error:
            return [*caplog.messages, str(error)]
    return caplog.messages


HEADS = {"tm": Head("chain", outputs=1)}


def test_a_training_warns_of_the_same(tmp_path, caplog):
    rows = [dict(row) for row in planted.proteins()]
    clean = warned(tmp_path, caplog, rows, HEADS)
    assert not any("af2jax explore says more" in line for line in clean)
    caplog.clear()
    for i in (12, 24, 36):
        rows[i]["tm"] = "-999"
    for i in (13, 25):
        rows[i]["tm"] = "n.b."
    said = "\n".join(warned(tmp_path, caplog, rows, HEADS))
    assert 'serious: "tm" has values that seem to mean "missing": -999 (3 times) (af2jax explore says more)' in said
    assert '2 of 87 cells of "tm" are not numbers, such as n.b.: text; 2 items are not used' in said
    assert said.count("n.b.") == 1 and "p13" not in said  # one warning of one fault
    caplog.clear()
    rows[14]["tm"] = "ND"
    said = "\n".join(warned(tmp_path, caplog, rows, HEADS))
    assert "-999 (3 times), ND (1 time); 1 item is not used" in said or "ND (1 time), -999 (3 times); 1 item" in said
    assert "p14" not in said


def test_a_training_on_a_decimal_comma_says_so(tmp_path, caplog):
    rows = [row | {"tm": row["tm"].replace(".", ",")} for row in planted.proteins()]
    *before, error = warned(tmp_path, caplog, rows, HEADS)
    assert f'serious: 90 of 90 cells of "tm" are not numbers, such as {rows[0]["tm"]}: decimal comma?' in before[0]
    assert error.startswith("none of 90 items can be used")


def test_a_training_says_each_fault_once_and_nothing_of_other_columns(tmp_path, caplog):
    """An unknown class, half of the labels missing, and a fault of a column that is not learnt."""
    rows = [dict(row) for row in planted.proteins()]
    held = next(row for row in rows if row["split"] == "test")
    held["place"], rows[0]["kd"] = "secreted", "-99999"
    for row in rows[30:60]:
        row["place"] = ""
    names = ("membrane", "secreted", "soluble")
    said = warned(tmp_path, caplog, rows, {"place": Head("chain", classes=3, names=names)})
    assert [line for line in said if "secreted" in line] == [
        'serious: class secreted of "place" has 1 of 60 items (af2jax explore says more)',
        'serious: class secreted of "place" is not in the split train; 1 item is not used (af2jax explore says more)',
    ]
    assert [line for line in said if "missing" in line] == [
        'caution: the target "place" is missing in 33% of the items (af2jax explore says more)'
    ]
    assert sum(held["id"] in line for line in said) == 0 and not any(
        "kd" in line or "training items" in line for line in said
    )
