"""What heads answer: without padding, as probabilities or numbers, one by one and several together."""

import numpy as np
import pytest

from af2jax.errors import InputError
from af2jax.heads import Answer, Calibration, Head, Nearness, agree, combine, read_answers, together
from tests.finetune import toy

RNG = np.random.default_rng(0)
FEATURES = toy.example()[0].replace(seq_mask=np.arange(toy.N_RES) < 4, asym_id=np.arange(toy.N_RES) // 2)
SHAPES = {"residue": (toy.N_RES,), "chain": (), "pair": (toy.N_RES, toy.N_RES), "binding": ()}


def raw(kind: str, size: int) -> np.ndarray:
    return RNG.normal(size=(*SHAPES[kind], size)).astype(np.float32)


@pytest.mark.parametrize("kind", SHAPES)
def test_probabilities_and_numbers_without_padding(kind):
    heads = {"c": Head(kind, classes=("x", "y", "z")), "n": Head(kind, outputs=2, unit="kcal/mol")}
    out = {"c": raw(kind, 3), "n": raw(kind, 2)}
    found = read_answers(heads, out, FEATURES)
    cut = {"residue": np.s_[:4], "pair": np.s_[:4, :4]}.get(kind, np.s_[:])
    odds = np.exp(out["c"].astype(float))[cut]
    np.testing.assert_allclose(found["c"].values, odds / odds.sum(-1, keepdims=True), rtol=1e-6)
    np.testing.assert_array_equal(found["n"].values, out["n"][cut])
    assert found["c"].classes == ("x", "y", "z") and found["c"].unit == "" and found["n"].unit == "kcal/mol"
    assert found["c"].best.shape == found["c"].values.shape[:-1] and found["n"].best is found["n"].values
    for answer in found.values():
        rows = answer.rows
        assert len(rows) == int(np.prod(answer.values.shape[:-1])) and list(rows[0]) == answer.columns
        last = rows[-1]
        where = [last[n] for n in answer.columns if n.startswith("residue")]
        assert where == [4] * (answer.values.ndim - 1)
        numbers = answer.values.reshape(-1, answer.values.shape[-1])[-1]
        if answer.classes:
            assert last["class"] == "xyz"[numbers.argmax()] and last["probability"] == numbers.max()
            assert [last[f"p_{n}"] for n in "xyz"] == numbers.tolist()
        else:
            assert [last["value_1"], last["value_2"]] == numbers.tolist()


def test_probabilities_are_calibrated_where_the_head_is():
    known, out = Calibration(2.0, 90, 9, (1.0, 0.9), (0.2, 0.1)), np.log(np.array([1.0, 4.0, 1.0]))
    head = Head("chain", classes=3, calibration=known)
    found = read_answers({"c": head}, {"c": out}, FEATURES)["c"]
    np.testing.assert_allclose(found.values, [0.25, 0.5, 0.25])
    assert found.calibration == known and found.calibrated


def test_unnamed_classes_have_numbers():
    assert read_answers({"c": Head("chain", classes=2)}, {"c": raw("chain", 2)}, FEATURES)["c"].classes == ("0", "1")


def test_binding_does_not_answer_of_one_molecule(caplog):
    heads, out = {"b": Head("binding", classes=2)}, {"b": raw("binding", 2)}
    alone = FEATURES.replace(asym_id=np.zeros(toy.N_RES, int), residue_index=np.arange(toy.N_RES))
    assert read_answers(heads, out, FEATURES).keys() == {"b"} and not caplog.records
    assert read_answers(heads, out, alone) == {}
    assert 'head "b" does not answer: the query is one molecule' in caplog.text


def test_heads_of_variants_do_not_answer_of_a_sequence(caplog):
    """`heads.apply` computes nothing of them, and af2jax scan asks them."""
    heads = {"v": Head("variant", outputs=1), "c": Head("chain", classes=2)}
    assert read_answers(heads, {"c": raw("chain", 2)}, FEATURES).keys() == {"c"}
    assert 'head "v" does not answer here: it is of variants, and af2jax scan asks it' in caplog.text


class TestCombined:
    def answers(self, *values, **changes):
        return [Answer(**{"head": "h", "kind": "chain", "values": np.array(v), "unit": "K"} | changes) for v in values]

    def test_mean_and_spread(self):
        found = combine(self.answers([1.0], [2.0], [6.0]))
        assert found.values == [3.0] and found.spread == pytest.approx([np.std([1, 2, 6], ddof=1)])
        assert found.rows == [{"value": 3.0, "spread": pytest.approx(7**0.5)}] and str(found) == "h 3 ± 2.646 K"
        one = self.answers([1.0])[0]
        assert combine([one]) is one and one.spread is None and "spread" not in one.json()

    def test_of_classes(self):
        found = combine(self.answers([0.2, 0.8], [0.4, 0.6], classes=("no", "yes"), unit=""))
        (row,) = found.rows
        assert row == pytest.approx(
            {"class": "yes", "probability": 0.7, "spread": 0.02**0.5, "p_no": 0.3, "p_yes": 0.7}
        )
        assert str(found) == "h yes (0.700 ± 0.1414)"
        assert found.json()["best"] == "yes" and found.json()["classes"] == ["no", "yes"]

    def test_it_is_as_trustworthy_as_the_worst(self):
        near = lambda identity, longest: Nearness(str(identity), identity, 9, 5, longest)
        fit = lambda error, refused="": Calibration(2.0, 90, 9, (1.0, 0.9), (0.3, error), refused)
        of = lambda *known: [self.answers([0.5, 0.5], calibration=c, near=n, classes=("a", "b"))[0] for c, n in known]
        found = combine(of((fit(0.1), near(0.9, 9)), (fit(0.2), near(0.4, 9)), (fit(0.05), near(0.8, 9))))
        assert found.calibration == fit(0.2) and found.near == near(0.4, 9) and found.calibrated and found.count == 3
        assert found.support.startswith(
            "Mean of 3 answers; what follows is of the least trustworthy one. Probabilities"
        )
        assert combine(of((fit(0.1), near(0.4, 9)), (fit(0.0, "few"), near(0.9, 8)))).near == near(0.9, 8)
        for worst in (None, fit(0.0, "few")):
            found = combine(of((fit(0.1), None), (worst, near(0.9, 9))))
            assert found.calibration == worst and not found.calibrated and found.near is None

    def test_those_that_have_it_count(self):
        a, b = self.answers([1.0], [3.0])
        found = together([{"h": a, "g": a}, {"h": b}, {}])
        assert found["h"].values == [2.0] and found["g"] is a and list(found) == ["h", "g"]

    def test_heads_of_one_name_agree(self):
        first, named = Head("chain", classes=2), Head("chain", classes=("0", "1"))
        agree({"x": {"h": first}, "y": {"h": named, "other": Head("pair", classes=2)}})
        for other, message in (
            (Head("residue", classes=2), "kind: 'chain' and 'residue'"),
            (Head("chain", classes=("a", "b")), r"classes: \('0', '1'\) and \('a', 'b'\)"),
            (Head("chain", outputs=1), "classes: "),
        ):
            with pytest.raises(InputError, match=f'head "h" is not the same in x and y .{message}'):
                agree({"x": {"h": first}, "y": {"h": other}})
        with pytest.raises(InputError, match="unit: 'K' and 'C'"):
            agree({unit: {"h": Head("chain", outputs=1, unit=unit)} for unit in "KC"})

    def test_what_does_not_go_together(self):
        for other, message in (
            ({"head": "g"}, "head is 'h' and 'g'"),
            ({"unit": "C"}, "unit is 'K' and 'C'"),
            ({"values": np.zeros(2)}, r"they have shapes \[1\] and \[2\]"),
        ):
            with pytest.raises(InputError, match=message):
                combine([*self.answers([1.0]), *self.answers([1.0], **other)])
        with pytest.raises(InputError, match="give one answer or more"):
            combine([])


def test_in_a_few_words():
    many = Answer("ss", "residue", np.eye(2)[[0, 0, 0, 1]], ("H", "E"))
    assert str(many) == "ss H 75 %, E 25 %"
    assert str(Answer("b", "residue", np.array([[1.0], [2.0]]), unit="A")) == "b 1.5 A on average"
