"""`af2jax finetune --sweep`: stopped as a whole, and one of real proteins."""

import json

import pytest

from af2jax.cli.main import main
from af2jax.finetune import loop
from af2jax.finetune.record import VALIDATION, lines


def test_a_sweep_that_is_stopped_begins_no_other_training(tmp_path, monkeypatch, capsys):
    begun = []

    def stopped(training, out, **settings):
        begun.append(out)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "fit", stopped)
    (tmp_path / "c.json").write_text(json.dumps({"data": "none", "preset": "tiny"}))
    command = ["finetune", str(tmp_path / "c.json"), "--out", str(tmp_path / "s"), "--sweep", "learning_rate=0.1,0.2"]
    assert main(command) == 130 and len(begun) == 1
    assert capsys.readouterr().err == "stopped; the same command with --resume resumes it\n"


def test_what_is_stopped_before_it_began_is_not_said_to_go_on(tmp_path, monkeypatch, capsys):
    def stopped(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "fit", stopped)
    (tmp_path / "c.json").write_text(json.dumps({"data": "none", "preset": "tiny"}))
    assert main(["finetune", str(tmp_path / "c.json"), "--out", str(tmp_path / "s")]) == 130
    assert capsys.readouterr().err == "stopped; run the same command to resume\n"


@pytest.mark.slow("trains several runs")
def test_real_proteins(shared, weights, tmp_path, capsys):
    """Heads on the cached trunk of six chains: the second training computes no trunk, and both end."""
    table = [line.split("\t") for line in (shared / "data" / "chains.tsv").read_text().splitlines()]
    rows = [dict(zip(table[0], row, strict=True)) for row in table[1:]]
    rows = sorted((row for row in rows if row["source_class"] == "experimental"), key=lambda row: int(row["length"]))
    text = ["id,file,ends,split"]
    for index, row in enumerate(rows[:6]):
        split = "valid" if index > 3 else "train"
        text.append(f"{row['id']},{shared / 'data' / row['file']},{float(row['length']) / 100},{split}")
    (tmp_path / "t.csv").write_text("\n".join(text) + "\n")
    training = {
        "data": "t.csv",
        "params": str(weights),
        "preset": "tiny",
        "heads": {"ends": {"kind": "chain", "outputs": 1}},
        "losses": {"ends": 1.0},
        "steps": 4,
        "crop": 32,
        "validate_every": 2,
        "dropout": False,
        "num_recycle": 0,
        "examples_per_item": 1,
        "cache": True,
        "monitor": "ends",
    }
    (tmp_path / "c.json").write_text(json.dumps(training))
    command = ["finetune", str(tmp_path / "c.json"), "--out", str(tmp_path / "s"), "--sweep", "learning_rate=1e-3,1e-1"]
    assert main([*command]) == 0
    said = capsys.readouterr().out
    found = json.loads((tmp_path / "s" / "sweep.json").read_text())
    assert {row["run"] for row in found} == {"learning_rate_1e-3", "learning_rate_1e-1"}
    assert found[0]["ends"] <= found[1]["ends"] and found[0]["run"] in said.splitlines()[-2]
    for row in found:
        assert [line["step"] for line in lines(tmp_path / "s" / row["run"] / VALIDATION)] == [0, 2, 4]
        assert not (tmp_path / "s" / row["run"] / "cache").exists()
    kept = lambda: {path.name: path.stat().st_ino for path in (tmp_path / "s" / "cache").rglob("*") if path.is_file()}
    before = kept()
    assert len(before) == 6
    assert main([*command, "--resume"]) == 0  # all is there: the same table, and no trunk is computed
    assert kept() == before
    assert json.loads((tmp_path / "s" / "sweep.json").read_text()) == found
