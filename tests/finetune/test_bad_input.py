"""What `init` and a step refuse, in one clear line each."""

import re

import jax
import numpy as np
import pytest

import af2jax
from af2jax import finetune
from af2jax.config import preset
from af2jax.errors import InputError
from af2jax.model.recycle import forward
from tests.finetune import toy
from tests.finetune.test_step import ADAM, BATCH, EXAMPLES, KEY, LABELS, PARAMS, start, take
from tests.finetune.toy import MODEL


def odd():
    """Batches of which one leaf has another number of examples: (its name, its shape, the batch)."""
    features, targets = BATCH
    short = features.replace(msa=features.msa.replace(feat=features.msa.feat[:1]))
    yield "features.msa.feat", [1, 1, 3, 6, 49], (short, targets)
    yield "targets.resolution", [1], (features, targets.replace(resolution=targets.resolution[:1]))
    yield "targets.resolution", [], (features, targets.replace(resolution=np.float32(2)))
    yield "targets.labels.other", [3], (features, targets.replace(labels={"other": np.zeros(3)}))
    shapes = jax.eval_shape(lambda: forward(MODEL, PARAMS, EXAMPLES[0][0], 0))
    trunk = jax.tree.map(lambda x: np.zeros((2, *x.shape), x.dtype), shapes)
    yield "outputs.pair", [1, *shapes.pair.shape], (features, targets, trunk.replace(pair=trunk.pair[:1]))


class TestBadInput:
    def bad(self, match, function):
        with pytest.raises(InputError, match=match) as caught:
            function()
        assert "\n" not in str(caught.value)

    def test_labels(self):
        nothing = af2jax.label(PARAMS, [(".*", "freeze")])
        self.bad('nothing trains: every label is "freeze"', lambda: start(labels=nothing))
        self.bad('nothing trains: every label is "freeze"', lambda: start(labels=nothing, form="masked"))
        other = {name: label for name, label in LABELS.items() if name != "pair"}
        for form in ("split", "masked"):
            self.bad(
                "another tree of parameters: only one of the two has pair/", lambda f=form: start(labels=other, form=f)
            )
        self.bad('form="both" is not known; give "split" or "masked"', lambda: start(form="both"))

    def test_adapters(self):
        rules = [("input/kernel", "lora"), (".*", "freeze")]
        labels = af2jax.label(PARAMS, rules)
        adapters = af2jax.lora.init(PARAMS, labels, 2)
        self.bad("give adapters=af2jax.lora.init", lambda: start(labels=labels))
        self.bad(
            'adapters need form="split": no mask holds them',
            lambda: start(labels=labels, form="masked", adapters=adapters),
        )
        self.bad('"lora" of other kernels .* has input/kernel', lambda: start(adapters=adapters))
        other = af2jax.lora.init(PARAMS, af2jax.label(PARAMS, [("pair/kernel", "lora"), (".*", "freeze")]), 2)
        self.bad('"lora" of other kernels .* has input/kernel', lambda: start(labels=labels, adapters=other))
        wrong = {"input": {"kernel": other["pair"]["kernel"]}}
        self.bad("adapter of input/kernel fits no kernel", lambda: start(labels=labels, adapters=wrong))

    def test_losses(self):
        self.bad('no loss is called "fap"; did you mean "fape"', lambda: start(losses={"fap": 1.0}))
        self.bad("leaves nothing to learn", lambda: start(losses={}))
        lacks = toy.Toy(preset("model_1"))
        self.bad('the loss "pae" needs the head "pae"', lambda: start(model=lacks, losses={"pae": 1.0}))

    def test_heads(self):
        head = af2jax.Head("residue", classes=2)
        for name in ("fape", "loss", "skipped", "a/b", ""):
            self.bad("a new head cannot be called", lambda n=name: start(heads={n: head}))
        lacks = toy.Toy(preset("model_1"))
        binding = {"b": af2jax.Head("binding", outputs=1)}
        self.bad('head "b" needs the PAE head, which model_1 lacks', lambda: start(model=lacks, heads=binding))
        state = start(heads={"ss": head}, losses={"ss": 1.0})
        again = lambda heads: finetune.init(MODEL, state.params, LABELS, ADAM, heads=heads)
        self.bad('the parameters hold the new head "ss", which heads= does not describe', lambda: again({"tm": head}))
        other = {"ss": af2jax.Head("residue", classes=5)}
        self.bad(r'head "ss" as described on tiny has logits/bias \[5\], its arrays have \[2\]', lambda: again(other))

    @pytest.mark.medium("compiles a step")
    def test_batches(self):
        state = start()
        both = (lambda batch: take(state, batch), lambda batch: finetune.eval_step(state, batch))
        features, targets = BATCH
        for run in both:
            self.bad(r"a batch is stack\(\[example, ...\]\); .* \[\[6\], \[6\]\]", lambda r=run: r(EXAMPLES[0]))
            short = jax.tree.map(lambda x: x[:1], features)
            self.bad(r"shapes \[\[1, 6\], \[2, 6\]\]", lambda r=run, s=short: r((s, targets)))
            masked = targets.replace(seq_mask=targets.seq_mask & np.array([[True], [False]]))
            self.bad("example 1 of the batch has no residue", lambda r=run, m=masked: r((features, m)))
            for name, shape, batch in odd():
                needed = f"{name} has shape {shape}, expected [2, ...]: one for each example of the batch"
                self.bad(re.escape(f"{needed}; make one by af2jax.stack"), lambda r=run, b=batch: r(b))
        self.bad("num_recycle=-1 must be 0 or more", lambda: finetune.train_step(state, BATCH, KEY, -1))
        assert not take(state)[1]["skipped"]  # refused batches consumed nothing
