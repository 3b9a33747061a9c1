"""A query is read once, whoever asks for its features."""

import af2jax
from af2jax.config import preset
from af2jax.data import pipeline, templates
from af2jax.data.pipeline import draw, read
from tests.data.molecules import pdb, peptide
from tests.data.test_pipeline import CONFIG, SEQUENCE, rows, same


def test_a_query_is_read_once_for_all_networks_and_seeds(tmp_path, monkeypatch):
    """One parse of the alignment and of the template; what is drawn is what `features` makes, draw by draw."""
    parsed = []
    for module, name in ((pipeline, "parse_a3m"), (templates, "read_chain")):
        once = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, name=name, once=once: parsed.append(name) or once(*a))
    path, structure = tmp_path / "q.a3m", tmp_path / "1abc.pdb"
    path.write_text(rows(20))
    structure.write_text(pdb(peptide(SEQUENCE)))
    known = read(path, templates=[structure])
    networks = [preset("model_1_ptm"), preset("model_2_ptm"), preset("model_3_ptm"), CONFIG]
    drawn = {(config, seed): draw(known, seed, config, 2) for config in networks for seed in (0, 1)}
    assert len(known.alignment.codes) == 21 and parsed == ["parse_a3m", "read_chain"]
    for (config, seed), found in drawn.items():
        assert same(found, af2jax.features(path, config, seed, 2, templates=[structure]))
    assert drawn[networks[0], 0].templates.mask.any() and not drawn[networks[2], 0].templates.mask.any()
    assert not same(drawn[CONFIG, 0].msa, drawn[CONFIG, 1].msa)
