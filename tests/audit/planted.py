"""Three data sets of our own, clean, in which tests plant faults: proteins with labels, peptides with MHC, a scan."""

import numpy as np

from af2jax.audit.reference import COMPOSITION
from af2jax.constants.residues import RESTYPES

LETTERS = np.array(list(RESTYPES))
HELIX, STRAND = "AELMQKRH", "VIYFWT"
Rows = list[dict[str, str]]


def proteins(seed: int = 0, number: int = 90) -> Rows:
    """Unrelated proteins: a melting temperature, an affinity over decades, a place, and secondary structure."""
    rng, rows = np.random.default_rng(seed), []
    for i in range(number):
        sequence = "".join(rng.choice(LETTERS, rng.integers(60, 120), p=COMPOSITION))
        share = lambda letters: sum(map(sequence.count, letters)) / len(sequence)  # noqa: B023
        charge, greasy = share("KR") - share("DE"), share("AVILMFWC")
        ss = ["H" if a in HELIX else "E" if a in STRAND else "C" for a in sequence]
        ss = [rng.choice(list("HEC")) if rng.random() < 0.3 else one for one in ss]
        rows.append(
            {
                "id": f"p{i:02d}",
                "sequence": sequence,
                "split": ("train", "train", "train", "train", "valid", "test")[i % 6],
                "tm": f"{55 + 80 * charge + 3.5 * rng.normal():.2f}",
                "kd": f"{np.exp(5 + 25 * charge + 1.2 * rng.normal()):.4g}",
                "place": "membrane" if greasy + 0.03 * rng.normal() > 0.375 else "soluble",
                "ss": "".join(ss),
            }
        )
    return rows


MHC = ["GSHSMRYFFTSVSRPGRGEPRFIAVGYVDDTQFVRFDSDAASQRMEPRAPWIEQEGPEYWDGETRKVKAHSQTHRVDLGTLRGYYNQSEA"]
MHC += [MHC[0].translate(str.maketrans("SAE", "TGD")), MHC[0].translate(str.maketrans("RHQ", "KNE"))]


def complexes(seed: int = 0, number: int = 150) -> Rows:
    """Peptides with one of three MHC molecules; a large residue at 2 and 9 binds."""
    rng, rows, seen = np.random.default_rng(seed), [], []
    while len(rows) < number:
        i, binds = len(rows), rng.random() < 0.5
        peptide = rng.choice(LETTERS, 9)
        for place in (1, 8):
            peptide[place] = rng.choice(list("LMIV" if binds else "DGNS"))
        if any((peptide == other).mean() >= 0.6 for other in seen):
            continue
        seen.append(peptide)
        label = binds if rng.random() < 0.93 else not binds
        rows.append(
            {
                "id": f"c{i:03d}",
                "sequence": f"{MHC[i % 3]}/{''.join(peptide)}",
                "split": ("train", "train", "train", "valid", "test")[i % 5],
                "binder": "yes" if label else "no",
            }
        )
    return rows


WILD = "MTYKLILNGKTLKGETTTEAVDAATAEKVFKQYANDNGVDGEWTYDDATKTFTVTE"


def scan(seed: int = 0, each: int = 8) -> Rows:
    """Single variants in ProteinGym's form, wild type in `sequence`, split by position; what is bulky does harm."""
    rng, rows = np.random.default_rng(seed), []
    size = dict(zip(RESTYPES, rng.normal(size=20), strict=True))
    depth = rng.random(len(WILD)) * 3
    for i, old in enumerate(WILD):
        part = "test" if i % 10 == 3 else "valid" if i % 10 == 7 else "train"
        for new in rng.choice([a for a in RESTYPES if a != old], each, replace=False):
            score = -depth[i] + size[new] - size[old] + 0.3 * rng.normal()
            rows.append({"mutant": f"{old}{i + 1}{new}", "sequence": WILD, "split": part, "score": f"{score:.3f}"})
    return rows


def told(finding, level: str, title: str, advice: str):
    """A finding is of this level, and its title and its advice hold these words."""
    assert finding.level == level, finding
    assert title in finding.title and "\n" not in finding.title, finding
    assert advice in finding.advice, finding
