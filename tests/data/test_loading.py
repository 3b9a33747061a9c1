"""Batches are a function of seed and step alone: stopped anywhere or shared out, they are the same."""

import dataclasses
import threading
import time
from itertools import islice
from pathlib import Path

import jax
import numpy as np
import pytest

from af2jax.config import preset
from af2jax.data import loading
from af2jax.data.dataset import Item, read_dataset
from af2jax.data.labels import Label
from af2jax.data.loading import AHEAD, Loader, batches, order
from af2jax.errors import InputError
from tests.data import tables

CONFIG = dataclasses.replace(preset("tiny"), num_recycle=1)
LABELS = {"ss": Label(True, 3, ("H", "E", "C")), "tm": Label(False)}
LOADER = Loader(CONFIG, 12, LABELS, seed=7, draws=0, rows=False, templates=False)


@pytest.fixture(scope="module")
def items(tmp_path_factory) -> list[Item]:
    folder = tmp_path_factory.mktemp("loading")
    tables.structures(folder)
    (folder / "one.a3m").write_text(f">q\n{tables.SEQUENCES['one']}\n>h\n{tables.SEQUENCES['one'][::-1]}\n")
    return read_dataset(tables.table(folder, tables.rows()))


def bits(batch) -> list[bytes]:
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(batch)]


class TestOrder:
    def test_each_epoch_has_every_item_once(self, items):
        found = list(islice(order(items, 3), 50))
        for epoch in range(10):
            part = found[5 * epoch : 5 * epoch + 5]
            assert sorted(index for index, _ in part) == list(range(5)) and {visit for _, visit in part} == {epoch}
        assert found == list(islice(order(items, 3), 50)) != list(islice(order(items, 4), 50))
        assert len({tuple(index for index, _ in found[i : i + 5]) for i in range(0, 50, 5)}) > 5

    @pytest.mark.parametrize("unit", [1.0, 1e-9, 5e307])
    def test_weights(self, items, unit):
        weights = [3, 1, 1, 0, 0.5]
        weighted = [dataclasses.replace(item, weight=unit * w) for item, w in zip(items, weights, strict=True)]
        drawn = np.bincount([index for index, _ in islice(order(weighted, 0), 5500)], minlength=5)
        assert np.allclose(drawn / 1000, weights, atol=0.15) and drawn[3] == 0
        visits = [visit for index, visit in islice(order(weighted, 0), 100) if index == 0]
        assert visits == list(range(len(visits)))


class TestBatches:
    def test_stopped_at_any_step_the_rest_is_the_same(self, items):
        whole = [(step, ids, bits(batch)) for step, ids, batch in batches(LOADER, items, 2, 0, 7)]
        assert [step for step, _, _ in whole] == list(range(7)) and all(len(ids) == 2 for _, ids, _ in whole)
        for start in (0, 1, 4, 7):
            rest = [(step, ids, bits(batch)) for step, ids, batch in batches(LOADER, items, 2, start, 7)]
            assert rest == whole[start:]
        other = dataclasses.replace(LOADER, seed=8)
        assert [x[1:] for x in whole] != [
            x[1:] for x in ((s, i, bits(b)) for s, i, b in batches(other, items, 2, 0, 7))
        ]

    def test_shares_of_processes_make_the_whole(self, items):
        whole = list(batches(LOADER, items, 4, 0, 3))
        parts = [list(batches(LOADER, items, 4, 0, 3, slice(2 * i, 2 * i + 2))) for i in range(2)]
        for step, (_, ids, batch) in enumerate(whole):
            assert parts[0][step][1] == parts[1][step][1] == ids
            both = jax.tree.map(lambda *x: np.concatenate(x), parts[0][step][2], parts[1][step][2])
            assert bits(both) == bits(batch)

    def test_shapes_do_not_depend_on_the_items(self, items):
        folder = items[0].folder
        mixed = [dataclasses.replace(items[0], msa=(folder / "one.a3m",), templates=(str(folder / "one.cif"),))]
        mixed += items[1:]
        loader = dataclasses.replace(LOADER, crop=32, rows=True, templates=True)
        found = [batch for _, _, batch in batches(loader, mixed, 1, 0, 5)]
        shapes = [jax.tree.map(np.shape, batch) for batch in found]
        assert all(jax.tree.leaves(shape) == jax.tree.leaves(shapes[0]) for shape in shapes)
        features = found[0][0]
        assert features.msa.feat.shape[:4] == (1, 2, CONFIG.data.clusters, 32)
        assert features.msa.extra.shape == (1, 2, CONFIG.data.extra, 32)
        assert features.templates.mask.shape == (1, 4) and features.aatype.shape == (1, 32)
        assert sum(int(batch[0].msa.mask[0, 0, :, 0].sum()) for batch in found) == 6  # one alignment of two rows
        plain = LOADER.example(items[0], 0)[0]
        assert plain.msa.feat.shape[:2] == (2, 1) and plain.templates.mask.shape == (1,)

    def test_draws_come_in_turns(self, items):
        example = lambda draws, visit: bits(dataclasses.replace(LOADER, draws=draws).example(items[1], visit))
        assert example(3, 1) == example(3, 4) == example(0, 1) and example(0, 4) != example(0, 1)
        assert len({tuple(example(0, visit)) for visit in range(8)}) > 4
        twin = dataclasses.replace(items[1], id="twin")
        assert any(bits(LOADER.example(twin, v)) != bits(LOADER.example(items[1], v)) for v in range(8))

    def test_an_item_that_is_gone_is_named(self, items):
        gone = [*items[:4], dataclasses.replace(items[4], file=Path("gone.cif"))]
        with pytest.raises(InputError, match=r"^five cannot be read any more: gone.cif: no such file"):
            list(batches(LOADER, gone, 2, 0, 7))

    def test_a_few_batches_are_made_ahead_and_threads_end(self, items, monkeypatch):
        made, threads = [], threading.active_count()
        monkeypatch.setattr(
            Loader, "example", lambda self, item, visit: made.append(item.id) or ({"x": np.ones(1)}, {})
        )
        monkeypatch.setattr(loading, "stack", lambda examples: examples)
        running = batches(LOADER, items, 2, 0, 100)
        next(running)
        deadline = time.monotonic() + 10
        while len(made) < 2 * AHEAD and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        assert len(made) == 2 * AHEAD
        running.close()
        assert threading.active_count() == threads
