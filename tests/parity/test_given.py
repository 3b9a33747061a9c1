"""Initial guess and AF2Rank's template of a structure, full size: DeepMind's network computes the same from them."""

import jax
import numpy as np
import pytest

import af2jax
from af2jax.config import preset
from af2jax.data.given import read_given
from af2jax.model.alphafold import AlphaFold
from tests import support
from tests.data.molecules import cif, peptide, save, without

pytestmark = [pytest.mark.slow("compiles DeepMind's full-size network"), pytest.mark.parity]
LIMIT, NAME, SEQUENCE = 1e-4, "model_1_ptm", "MKTGYIAKQWG"


@pytest.mark.parametrize("protocol", ["initial-guess", "af2rank"])
def test_deepminds_network_computes_the_same(protocol, tmp_path):
    """Of a structure without residues 3 and 4 and without a CB; each changes what the network says."""
    from tests import oracle

    atoms = [a for a in without(peptide(SEQUENCE), 3, 4) if (a.number, a.name) != (6, "CB")]
    given, config = read_given(save(tmp_path, cif(atoms, {1: SEQUENCE}))), preset(NAME)
    d = support.dictionary(num_res=len(SEQUENCE), num_seq=6, num_extra=9, num_templ=4, seed=4)
    d |= {"aatype": given.aatype, "target_feat": np.eye(22, dtype=np.float32)[given.aatype + 1]}
    d |= {key: np.zeros_like(d[key]) for key in d if key.startswith("template_")}
    plain, guess = dict(d), None
    if protocol == "af2rank":
        t = given.template(config)
        beta = oracle.modules.pseudo_beta_fn(t.aatype, t.positions, t.atom_mask.astype(np.float32))
        d |= {"template_aatype": t.aatype, "template_all_atom_positions": t.positions}
        d |= {"template_all_atom_masks": t.atom_mask.astype(np.float32), "template_mask": t.mask.astype(np.float32)}
        d |= {"template_pseudo_beta": np.asarray(beta[0]), "template_pseudo_beta_mask": np.asarray(beta[1])}
    else:
        guess = given.guess()
    flat = support.rule_flat(config, seed=5)
    model, params = AlphaFold(config), af2jax.pretrained.from_deepmind(flat, NAME)
    run = jax.jit(lambda p, f, guess: af2jax.interop.outputs(af2jax.forward(model, p, f, 1, guess=guess)))
    features = af2jax.interop.features(d)
    if protocol == "af2rank":
        features = features.replace(templates=given.template(config))
    found, expected = run(params, features, guess), oracle.run(config, flat, d, 1, guess)
    errors = {k: support.relative_error(v, expected[k]) for k, v in found.items()}
    print(f"{protocol}: {len(errors)} arrays, largest error {max(errors.values()):.1e}")
    assert len(errors) >= 11 and max(errors.values()) < LIMIT, errors
    without_it = run(params, af2jax.interop.features(plain), None if guess is None else np.zeros_like(guess))
    assert support.relative_error(without_it["representations/pair"], found["representations/pair"]) > 1e-3
