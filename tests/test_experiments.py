"""The experiments: each says its question, command and hardware, is listed, short, and starts."""

import ast
import json
import lzma
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from af2jax.constants.atoms import CA
from af2jax.data import synthetic
from af2jax.data.structure import read_chain
from experiments import corpus, labelled, transferred
from tests.data import molecules

ROOT = Path(__file__).resolve().parents[1]
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


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Synthetic proteins as a folder of data: twelve older chains, and twelve of a corpus, two of them never learnt."""
    folder, unseen = tmp_path_factory.mktemp("data"), corpus.UNSEEN.read_text().splitlines()[1:]
    names = [line.split(",")[0] for line in synthetic.make(folder, 24).read_text().splitlines()[1:]]
    files = [f"structures/{name}.cif" for name in names]
    names[12:14] = [line.split("\t")[0] for line in unseen[:1] + unseen[-1:]]
    (folder / "corpus" / "structures").mkdir(parents=True)
    for file in files[12:]:
        shutil.move(folder / file, folder / "corpus" / file)
    lines = ["\t".join(("id", "file", "length", "cluster30", "class", "shared_cluster30"))]
    for i, (name, file) in enumerate(zip(names, files, strict=True)):
        lines.append("\t".join((name, file, "40", f"H{i:04d}", "natural", "")))
    for place, some in ((folder, lines[1:13]), (folder / "corpus", lines[13:])):
        (place / "chains.tsv").write_text("\n".join([lines[0], *some]) + "\n")
    (folder / "corpus" / "msa.tsv").write_text("case\trows_kept\tnative_file\n")
    (folder / "corpus" / "labels").mkdir()
    with lzma.open(folder / "corpus" / "labels" / "flip_secondary_structure.tsv.xz", "wt") as file:
        file.write("\t".join(("id", "split", "sequence", "ss3", "resolved_mask", "label_cluster30", "chain_id")) + "\n")
    return folder


@pytest.mark.slow("runs an experiment in processes of its own")
def test_a_comparison_over_seeds(data, tmp_path):
    """Secondary structure from end to end at its smallest; started again, nothing is trained again."""
    command = [sys.executable, "-m", "experiments.secondary", "--data", str(data), "--out", str(tmp_path)]
    command += ["--preset=tiny", "--params=", "--steps=2", "--seeds=2", "--crop=48"]
    flags = f"--xla_backend_optimization_level=0 {os.environ.get('XLA_FLAGS', '')}"
    run = lambda *more: (
        subprocess.run(
            [*command, *more],
            cwd=ROOT,
            env=os.environ | {"XLA_FLAGS": flags},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    said, text = run(), (tmp_path / "README.md").read_text()
    assert text.startswith("# Does the trunk know secondary structure?") and "LoRA_1: validation at step 2" in said
    assert re.search(r"- LoRA: .*ss/accuracy 0\.\d+, 0\.\d+", text) and "after Holm's correction" in text
    assert (tmp_path / "plots" / "means_ss_accuracy.png").exists() and (tmp_path / "index.html").exists()
    assert "validation" not in run()


@pytest.mark.slow("runs an experiment in processes of its own")
def test_descent_beside_its_control(data, tmp_path):
    """At its smallest: every way has both scores, and the verdict names the control."""
    command = [sys.executable, "-m", "experiments.descent", "--data", str(data), "--out", str(tmp_path)]
    command += ["--preset=tiny", "--params=", "--chains=2", "--steps=3", "--starts=1"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = [json.loads(path.read_text()) for path in (tmp_path / "chains").glob("*.json")]
    assert len(found) >= 2 and all(set(each) == {"lDDT-CA", "TM-score"} for each in found)
    for scores in (scores for each in found for scores in each.values()):
        assert len(scores) == 6 and all(np.isfinite(list(scores.values())))
    assert said.count("minus descent, distances shuffled: ") == 4 and (tmp_path / "never_seen_tm_score.png").exists()


@pytest.mark.slow("runs an experiment in processes of its own")
def test_heads_of_variants_beside_baselines(tmp_path):
    """At its smallest; started again, nothing is trained again."""
    rng, folder = np.random.default_rng(0), tmp_path / "data" / "corpus" / "labels"
    folder.mkdir(parents=True)
    letters, rows, sequences = "ACDEFGHIKLMNPQRSTVWY", ["dataset\tmutation_fasta\tDDG\tRSA"], []
    for name in "abcdef":
        wild = "".join(rng.choice(list(letters), 12))
        sequences.append(f"{name}\t{wild}\tcluster_{name}")
        every = [f"{old}{i}{new}" for i, old in enumerate(wild, 1) for new in letters if new != old]
        rows += [f"{name}\t{one}\t{rng.normal():.2f}\t{rng.uniform(0, 120):.0f}" for one in every]
    with lzma.open(folder / "evostability_ddg.tsv.xz", "wt") as file:
        file.write("\n".join(rows) + "\n")
    (folder / "evostability_sequences.tsv").write_text("\n".join(["dataset\tsequence\tlabel_cluster30", *sequences]))
    command = [
        sys.executable,
        "-m",
        "experiments.ddg",
        "--data",
        str(tmp_path / "data"),
        "--out",
        str(tmp_path / "out"),
    ]
    command += ["--steps=12", "--test=2", "--train=3", "--variants=6", "--seeds=1"]
    run = lambda: subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    said, text = run(), (tmp_path / "out" / "README.md").read_text()
    assert "step 12 of 12: loss" in said and "18 variants of 3 domains at unseen positions" in text
    for part in ("unseen domains", "unseen positions"):
        section = text.split(f"## {part}")[1].split("## ")[0]
        assert section.count("| BLOSUM62 |") == section.count("| full, trained trunk |") == 1
        assert section.count("after Holm's correction") + section.count("not one target differs") == 13
    assert "step" not in run()


def shuffled_distances() -> tuple[np.ndarray, np.ndarray]:
    """Before and after; in a process of its own, since all experiments define the same flags."""
    from experiments import descent

    logp = np.random.default_rng(0).normal(size=(9, 9, 3)).astype(np.float32)
    return logp, descent.shuffled(logp, np.random.default_rng(1))


@pytest.mark.medium("fits coordinates")
def test_shuffled_distances_stay_at_their_separation():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        logp, found = pool.apply(shuffled_distances)
    there = np.triu_indices(9, 2)
    assert not np.array_equal(found[there], logp[there])
    for apart in range(9):
        ordered = lambda x, k=apart: np.sort(np.diagonal(x[..., 0], k))
        assert np.array_equal(ordered(found), ordered(logp))
    assert np.array_equal(found[there[1], there[0]], logp[there[1], there[0]])  # the other half is not descended


def stages() -> tuple[dict, dict]:
    """(all stages, two that begin with given weights); in a process of its own, as above."""
    from experiments import train_mini

    names = {name: f"{name}.csv" for name in ("structures", "alignments", "confidence")}
    go = lambda *more: train_mini.trainings(names, Path("out"), 4000, 7, *more)
    return go(""), go("given", ("whole", "long"))


@pytest.mark.medium("makes weights")
def test_each_stage_of_the_training_begins_where_another_ends():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found, some = pool.apply(stages)
    assert list(found) == ["short", "long", "whole", "confidence"] and list(some) == ["long", "whole"]
    assert [each.params for each in found.values()] == [
        "",
        "out/short/checkpoints/00004000",
        "out/long/checkpoints/00002000",
        "out/whole/checkpoints/00000133",
    ]
    assert [each.params for each in some.values()] == ["given", "out/long/checkpoints/00002000"]
    assert [each.steps for each in found.values()] == [4000, 2000, 133, 1000]
    assert all(each.seed == 7 and each.warmup < each.steps and 0 < each.ema < 1 for each in found.values())
    trunk, judged = list(found.values())[:3], found["confidence"]
    assert all("ss" in each.heads and each.mask_target and not each.cache for each in trunk)
    assert ["violation" in each.losses for each in trunk] == [False, True, True]
    assert (
        judged.cache and not judged.heads and judged.rules[-1] == (".*", "freeze") and judged.data == "confidence.csv"
    )


@pytest.mark.slow("trains and assesses a network end to end")
def test_mini_is_trained_and_assessed(data, tmp_path):
    """One stage at its smallest, twice: the second time nothing is trained. What comes out is assessed."""
    go = lambda name, *more: subprocess.run(
        [sys.executable, "-m", f"experiments.{name}", "--data", str(data), *map(str, more)],
        cwd=ROOT,
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
    train = lambda *more: go("train_mini", "--out", tmp_path, "--steps=40", "--stages=long", *more)
    assert "validation at step 4" in train().stdout and "validation" not in train().stdout
    with np.load(tmp_path / "params_mini.npz") as arrays:
        assert not any("task" in name for name in arrays)
    learnt = (tmp_path / "long" / "items.tsv").read_text().splitlines()[1:]
    assert sum("\tvalid\t" in line for line in learnt) == 2 and sum("\ttrain\t" in line for line in learnt) > 10
    assert "no stage is called shrt" in train("--stages=shrt").stderr
    assert not go("assess_mini", "--params", tmp_path / "long", "--assessed", tmp_path / "found").returncode
    found = json.loads((tmp_path / "found" / "assessment.json").read_text())
    assert len(found["chains"]) == 2 and 0 < found["figures"]["natural: lddt_ca"]["value"] < 100
    assert "| natural, 2 chains |" in (tmp_path / "found" / "README.md").read_text()


LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def varied(rng: np.random.Generator, parent: str, changes: int) -> str:
    found = list(parent)
    for place in rng.choice(len(parent), changes, replace=False):
        found[place] = str(rng.choice(list(LETTERS)))
    return "".join(found)


def go(name: str, *more: str) -> str:
    command = [sys.executable, "-m", f"experiments.{name}", "--preset=tiny", "--params=", *map(str, more)]
    found = subprocess.run(command, cwd=ROOT, env=os.environ | {"JAX_PLATFORMS": "cpu"}, capture_output=True, text=True)
    assert not found.returncode, found.stderr[-3000:]
    return found.stdout


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
    run = lambda: go("conformations", "--data", data, "--out", tmp_path / "out", "--models=2")
    text = run()
    assert "| clusters | 1 |" in text and "| dropout | 2 |" in text and "Above their control: " in text
    pages = sorted((tmp_path / "out" / "pairs").glob("*/index.html"))
    before = [page.stat().st_mtime_ns for page in pages]
    assert len(pages) == 2 and run() == text and [page.stat().st_mtime_ns for page in pages] == before


@pytest.mark.slow("runs an experiment in processes of its own")
def test_disorder_beside_what_needs_no_training(tmp_path):
    rng, data = np.random.default_rng(0), tmp_path / "data"
    (data / "corpus" / "labels").mkdir(parents=True)
    (data / "chains.tsv").write_text(f"id\tsequence\na\t{'MKTAYIAKQR' * 5}\n")
    (data / "corpus" / "chains.tsv").write_text(f"id\tsequence\nb\t{'WGTPYVDKER' * 5}\n")
    (data / "corpus" / "msa.tsv").write_text("case\tquery\n")
    lines = ["id\tsplit\tsequence\tss3\tresolved_mask\tlabel_cluster30\tchain_id"]
    for i in range(56):
        sequence = "".join(rng.choice(list(LETTERS), 45))
        mask = "0" * (3 + i % 5) + "1" * (42 - i % 5)
        cells = (f"p{i}", "train" if i < 50 else "valid", sequence, "C" * 45, mask, f"c{i}", "")
        lines.append("\t".join(map(str, cells)))
    with lzma.open(data / "corpus" / "labels" / "flip_secondary_structure.tsv.xz", "wt") as file:
        file.write("\n".join(lines) + "\n")
    flags = ("--steps=4", "--seeds=1", "--crop=48", "--test=4", "--train=10")
    text = go("disorder", "--data", data, "--out", tmp_path / "out", *flags)
    for name in ("pLDDT alone", "TOP-IDP in windows", "distance to the nearer end", "head on the trained trunk"):
        assert f"| {name} |" in text
    assert "Calibration error on unseen chains: head on the trained trunk 0." in text
    assert (tmp_path / "out" / "disorder.png").exists()


@pytest.mark.slow("runs an experiment in processes of its own")
def test_transfer_from_few_labels(tmp_path):
    """A label that the amino acid tells: baselines and heads find it, and not where labels are permuted."""
    rng, data = np.random.default_rng(0), tmp_path / "data"
    (data / "corpus" / "labels").mkdir(parents=True)
    (data / "chains.tsv").write_text(f"id\tsequence\na\t{'MKTAYIAKQR' * 5}\n")
    (data / "corpus" / "chains.tsv").write_text(f"id\tsequence\nb\t{'WGTPYVDKER' * 5}\n")
    (data / "corpus" / "msa.tsv").write_text("case\tquery\n")
    disorder = ["id\tsplit\tsequence\tresolved_mask\tlabel_cluster30"]
    interface = ["id\tsequence\tlabel\tlabel_cluster30"]
    for i in range(40):
        sequence = "".join(rng.choice(list(LETTERS), 45))
        label = "".join("01"[letter in "FILMVWY"] for letter in sequence)
        interface.append(f"i{i}\t{sequence}\t{label}\tc{i}")
        shown = label.translate(str.maketrans("01", "10"))
        disorder.append(f"d{i}\t{'train' if i < 30 else 'val'}\t{sequence[::-1]}\t{shown[::-1]}\tc{i}")
    for name, lines in (("flip_secondary_structure", disorder), ("ppi_site_graphppis", interface)):
        with lzma.open(data / "corpus" / "labels" / f"{name}.tsv.xz", "wt") as file:
            file.write("\n".join(lines) + "\n")
    run = lambda *more: go("transfer", "--data", data, "--out", tmp_path / "out", "--sizes=20", "--test=5", *more)
    plain = ("--tasks=disorder,interface", "--seeds=2")
    text = run(*plain)
    for task in ("disorder", "interface"):
        part = text.split(f"## {task}")[1].split("## ")[0]
        areas = {row[0]: float(row[1].split()[0]) for row in re.findall(r"^\| (.+?) \| ([01]\.\d+ .*?) \|", part, re.M)}
        assert areas["amino acid"] == 1 and areas["sequence (one-hot) in windows"] > 0.95, areas
        assert min(areas["head on the trained trunk"], areas["head on a random trunk"]) > 0.85, areas
        assert areas["distance to the nearer end"] < 0.7, areas
    assert "# No: with 20 labelled proteins" in text
    assert (tmp_path / "out" / "transfer.png").exists() and "CPU-s" not in run(*plain)
    text = run("--tasks=interface", "--seeds=1", "--shuffle", "--deep")
    assert "are permuted" in text and "| lora, trained |" in text
    areas = [float(value) for value in re.findall(r"^\| head on .*? \| (0\.\d+) ", text, re.M)]
    assert len(areas) == 4 and max(areas) < 0.8, areas


def test_where_a_trunk_helps_needs_both_witnesses():
    """More than the best baseline is not enough: the random trunk must be worse too, over clusters."""
    rng, names = np.random.default_rng(0), (transferred.TRAINED, transferred.RANDOM)
    true = [rng.integers(2, size=40).astype(np.int32) for _ in range(12)]
    proteins = tuple(labelled.Protein(f"p{i}", "A" * 40, f"c{i // 2}", label) for i, label in enumerate(true))
    tasks = {
        "told": labelled.Task("told", (), proteins),
        "learnt": labelled.Task("learnt", (), proteins, counted=False),
    }

    def run(right: dict[str, float]) -> dict:
        noisy = lambda label, share: np.where(rng.random(len(label)) < share, label, 1 - label) * 0.8 + 0.1
        every = dict.fromkeys((*labelled.BASELINES, *names, *(n + transferred.BESIDE for n in names)), 0.6) | right
        return {name: [noisy(label, share) for label in true] for name, share in every.items()}

    def said(**right: float) -> str:
        names = {"trained": transferred.TRAINED, "random": transferred.RANDOM}
        runs = [run({names[name]: share for name, share in right.items()}) for _ in range(2)]
        found = {
            (name, 50, metric): transferred.Found(task, runs, metric)
            for name, task in tasks.items()
            for metric in transferred.METRICS
        }
        assert any("| told | 50 |" in line for line in transferred.differences(found, tasks, transferred.ACCURACY))
        return transferred.answer(found, tasks, 50)

    assert said(trained=0.9).startswith("Yes") and "in told" in said(trained=0.9) and "learnt" not in said(trained=0.9)
    assert said(trained=0.9, random=0.9).startswith("No") and said(random=0.9).startswith("No")


def test_permuted_labels_keep_their_number_and_what_is_unknown():
    some = [labelled.Protein(str(i), "A" * 30, str(i), np.full(30, i % 2, np.int32)) for i in range(6)]
    some[0].label[:9] = -1
    found = labelled.shuffled(some, np.random.default_rng(0))
    assert all(np.array_equal(one.label < 0, own.label < 0) for one, own in zip(found, some, strict=True))
    total = lambda proteins: np.bincount(np.concatenate([one.known for one in proteins]))
    assert np.array_equal(total(found), total(some)) and all(set(one.known) == {0, 1} for one in found)
    assert set(some[1].known) == {1}  # what was given stays


def test_labels_of_a_known_structure(tmp_path):
    """A hairpin has contacts far along the chain and a helix none; what is not observed has no label."""
    chain = read_chain(molecules.save(tmp_path, molecules.pdb(molecules.peptide(LETTERS)), "a.pdb"))
    found = labelled.structural(chain)
    ca = chain.positions[:, CA]
    apart = np.linalg.norm(ca[:, None] - ca[None], axis=-1)
    places = np.arange(len(ca))
    far = abs(places[:, None] - places) >= 12
    assert np.array_equal(found["long-range contact"], ((apart < 8) & far).any(1))
    chain.positions[-1] = chain.positions[0] + 1.0  # the ends meet
    closed = labelled.structural(chain)["long-range contact"]
    assert closed[0] == closed[-1] == 1 and closed[10] == 0 and not found["long-range contact"].any()
    chain.atom_mask[-1] = False
    opened = labelled.structural(chain)["long-range contact"]
    assert opened[-1] == -1 and opened[0] == 0
