"""The experiments: each says its question, command and hardware, is listed, short, and starts."""

import ast
import re
import shutil
import subprocess

import numpy as np
import pytest

from tests.data import molecules
from tests.scripts import LETTERS, ROOT, TINY, go, label_set

PARTS = {
    "card",
    "controls",
    "corpus",
    "domains",
    "few_shot",
    "labelled",
    "tm_align",
    "tm_align_facts",
    "transferred",
    "tuned_heads",
    "walk",
}  # what several scripts share
SCRIPTS = sorted(path for path in (ROOT / "experiments").glob("*.py") if path.stem not in PARTS)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_says_what_it_is(script):
    text = script.read_text()
    assert len(text.splitlines()) < 200
    said = ast.get_docstring(ast.parse(text))
    assert "?" in said.splitlines()[0] or script.stem == "overfit_one"
    said = " ".join(said.split())
    assert re.search(rf"python (-m experiments\.{script.stem}|experiments/{script.stem}\.py)", said)
    assert "CPU cores" in said and "experiments/README.md" in said
    assert f"`{script.name}`" in (ROOT / "experiments" / "README.md").read_text()


def test_no_flag_is_defined_twice():
    """By a script and by those that it imports: absl refuses to start it."""
    texts = {path.stem: path.read_text() for path in (ROOT / "experiments").glob("*.py")}
    flags = {name: re.findall(r'flags\.DEFINE_\w+\(\s*"(\w+)"', text) for name, text in texts.items()}
    lines = {name: re.findall(r"^from experiments(?:\.| import )(.*)$", text, re.M) for name, text in texts.items()}
    used = {name: set(re.findall(r"\w+", " ".join(own))) & texts.keys() for name, own in lines.items()}
    assert sum(map(len, flags.values())) > 50 and sum(map(len, used.values())) > 20
    for script in SCRIPTS:
        reached, before = {script.stem}, set()
        while reached != before:
            reached, before = reached.union(*(used[name] for name in reached)), reached
        defined = [flag for name in reached for flag in flags[name]]
        assert len(defined) == len(set(defined)), script.name


def test_commits_that_are_named_are_in_the_history():
    """Of this branch, where there is one: a clone may have no history, and an archive has none."""
    git = lambda *words: subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True)
    if not shutil.which("git") or git("rev-parse", "--is-shallow-repository").stdout.strip() != "false":
        pytest.skip("no history")
    named = set(re.findall(r"`([0-9a-f]{7,40})`", (ROOT / "experiments" / "README.md").read_text()))
    lost = [name for name in sorted(named) if git("merge-base", "--is-ancestor", name, "HEAD").returncode]
    assert len(named) > 9 and not lost


@pytest.mark.slow("runs an experiment in processes of its own")
def test_heads_of_variants_beside_baselines(tmp_path):
    """At its smallest; started again, nothing is trained again."""
    rng, data = np.random.default_rng(0), tmp_path / "data"
    rows, sequences = ["dataset\tmutation_fasta\tDDG\tRSA"], ["dataset\tsequence\tlabel_cluster30"]
    for name in "abcdef":
        wild = "".join(rng.choice(list(LETTERS), 12))
        sequences.append(f"{name}\t{wild}\tcluster_{name}")
        every = [f"{old}{i}{new}" for i, old in enumerate(wild, 1) for new in LETTERS if new != old]
        rows += [f"{name}\t{one}\t{rng.normal():.2f}\t{rng.uniform(0, 120):.0f}" for one in every]
    label_set(data, "evostability_ddg", rows)
    (data / "corpus" / "labels" / "evostability_sequences.tsv").write_text("\n".join(sequences))
    few = ("--steps=12", "--test=2", "--train=3", "--variants=6", "--seeds=1")
    run = lambda: go("ddg", "--data", data, "--out", tmp_path / "out", *few)
    said, text = run(), (tmp_path / "out" / "README.md").read_text()
    assert "step 12 of 12: loss" in said and "18 variants of 3 domains at unseen positions" in text
    for part in ("unseen domains", "unseen positions"):
        section = text.split(f"## {part}")[1].split("## ")[0]
        assert section.count("| BLOSUM62 |") == section.count("| full, trained trunk |") == 1
        assert section.count("after Holm's correction") + section.count("not one target differs") == 13
    assert "step" not in run()


def varied(rng: np.random.Generator, parent: str, changes: int) -> str:
    found = list(parent)
    for place in rng.choice(len(parent), changes, replace=False):
        found[place] = str(rng.choice(list(LETTERS)))
    return "".join(found)


@pytest.mark.slow("runs an experiment in processes of its own")
def test_conformations_beside_their_controls(tmp_path):
    """Two proteins, of which one has homologues; started again, nothing is made again."""
    rng, data = np.random.default_rng(0), tmp_path / "data"
    (data / "msa" / "case").mkdir(parents=True)
    (data / "corpus" / "msa").mkdir(parents=True)
    one, two = ("".join(rng.choice(list(LETTERS), 40)) for _ in range(2))
    families = [varied(rng, one, 6), varied(rng, one, 14)]
    rows = [one, *(varied(rng, parent, 2) for parent in families for _ in range(6))]
    (data / "msa" / "case" / "rows.a3m").write_text("".join(f">r{i}\n{row}\n" for i, row in enumerate(rows)))
    (data / "corpus" / "chains.tsv").write_text(f"id\tsequence\nx\t{two}\n")
    head = ["pair", "cluster30", "file_a", "file_b", "len_a", "n_aligned", "identity", "tm_ab_approx", "seq_a"]
    lines = ["\t".join(head)]
    for name, sequence in (("one", one), ("two", two)):
        for state in "ab":
            molecules.save(data, molecules.pdb(molecules.peptide(sequence)), f"{name}_{state}.pdb")
        cells = (name, name, f"{name}_a.pdb", f"{name}_b.pdb", 40, 40, 1.0, 0.5, sequence)
        lines.append("\t".join(map(str, cells)))
    (data / "pairs.tsv").write_text("\n".join(lines) + "\n")
    run = lambda: go("conformations", *TINY, "--data", data, "--out", tmp_path / "out", "--models=2")
    text = run()
    assert "| clusters | 1 |" in text and "| dropout | 2 |" in text and "Above their control: " in text
    pages = sorted((tmp_path / "out" / "pairs").glob("*/index.html"))
    before = [page.stat().st_mtime_ns for page in pages]
    assert len(pages) == 2 and run() == text and [page.stat().st_mtime_ns for page in pages] == before
