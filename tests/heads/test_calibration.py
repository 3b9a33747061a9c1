"""One temperature: it is found again where it is known, changes no class, and is refused where it would be chance."""

import json

import numpy as np
import pytest

from af2jax.heads.calibration import LEAST, PROTEINS, Calibration, calibrate, probabilities

N = 4000


def drawn(temperature: float, num: int = N, classes: int = 3, seed: int = 0):
    """(logits, labels, proteins): labels drawn with the probabilities that the logits have at a temperature."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(num, classes)) * 3
    chance = probabilities(logits, temperature).cumsum(-1)
    labels = np.minimum((rng.uniform(size=(num, 1)) > chance).sum(-1), classes - 1)
    return logits, labels, np.arange(num) % 40


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_known_temperature_is_found_again(temperature):
    found = calibrate(*drawn(temperature))
    assert found.temperature == pytest.approx(temperature, rel=0.08) and not found.refused
    assert found.log_loss[1] <= found.log_loss[0] + 1e-9 and found.error[1] < 0.03
    if temperature != 1:
        assert found.error[1] < found.error[0] / 2 and found.log_loss[1] < found.log_loss[0] - 0.01


def test_logits_of_another_scale_have_a_temperature_of_that_scale():
    logits, labels, proteins = drawn(2.0)
    one, three = calibrate(logits, labels, proteins), calibrate(3 * logits, labels, proteins)
    assert three.temperature == pytest.approx(3 * one.temperature, rel=1e-3)
    assert three.log_loss[1] == pytest.approx(one.log_loss[1], abs=1e-6)


def test_no_class_changes_and_probabilities_sum_to_one():
    logits = drawn(2.0)[0]
    for temperature in (0.1, 1.0, 7.0):
        found = probabilities(logits, temperature)
        np.testing.assert_allclose(found.sum(-1), 1)
        np.testing.assert_array_equal(found.argmax(-1), logits.argmax(-1))
    np.testing.assert_allclose(probabilities(np.array([0.0, np.log(3)]))[1], 0.75)
    np.testing.assert_allclose(probabilities(np.array([0.0, 2 * np.log(3)]), 2.0)[1], 0.75)


@pytest.mark.parametrize(
    "places, proteins, reason",
    [
        (LEAST - 1, 40, f"{LEAST - 1} labelled places of 40 validation proteins; {LEAST} of {PROTEINS} are needed"),
        (N, PROTEINS - 1, f"{N} labelled places of {PROTEINS - 1} validation proteins"),
    ],
)
def test_too_few_are_refused(places, proteins, reason):
    logits, labels, _ = drawn(3.0, places)
    found = calibrate(logits, labels, np.arange(places) % proteins)
    assert found.temperature == 1 and found.refused.startswith(reason)
    assert found.error[0] == found.error[1] and found.log_loss[0] == found.log_loss[1]
    assert str(found).startswith("probabilities are not calibrated: ")


def test_what_says_nothing_is_refused():
    logits, labels, proteins = drawn(3.0)
    assert "of one class" in calibrate(logits, labels * 0, proteins).refused
    same = calibrate(logits * 0 + [0.0, 1.0, 2.0], labels, proteins)
    assert "says the same of every place" in same.refused and same.temperature == 1
    assert "no place" in calibrate(logits[:0], labels[:0], proteins[:0]).refused


def test_it_travels_as_json():
    found = calibrate(*drawn(3.0))
    assert Calibration.of(json.loads(json.dumps(found.json()))) == found
    assert "temperature 3.0" in str(found) or "temperature 2.9" in str(found) or "temperature 3.1" in str(found)
