"""`af2jax scan`: every single variant of a protein, scored."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, UseAppendAction

from af2jax.cli.evaluate import check_out
from af2jax.cli.progress import bar

ZERO_SHOT = {"auto": None, "yes": True, "no": False}


@dataclass
class Scan:
    """Score every single variant of a protein, or those of a table, without labels and by heads of variants.

    The folder has index.html with a heat map, variants.csv in ProteinGym's form (mutant, mutated_sequence, a column for
    each score), report.json and plots/. Exit codes: 0 done, 2 bad input.
    """

    query: Positional[str]
    """FASTA file, alignment (A3M) or sequence of one chain."""
    params: Path
    """Run of af2jax finetune, folder that af2jax export wrote or of parameters, or mini: the network in the package."""
    out: Path
    """Folder for the results."""
    positions: str | None = None
    """Scan these residues alone, counted from 1, such as 10-40,55."""
    variants: Path | None = None
    """Score the variants in this file instead: a table with a column mutant (A23G, A23G:T25S), or one on each line."""
    msa: Annotated[tuple[Path, ...], UseAppendAction] = ()
    """Alignment of the query, where that is a FASTA file or a sequence; may be given again."""
    zero_shot: Literal["auto", "yes", "no"] = "auto"
    """Masked marginals; auto: where the network was trained with residues hidden, or is mini without a head of
    variants."""
    preset: str | None = None
    """Preset of the parameters, where the folder holds several."""
    num_recycle: int | None = None
    """Recycles; default as the heads were trained, or the preset's number."""
    random_seed: int = 0
    """Seed of the draw of the alignment."""
    quiet: bool = False
    """Print nothing but errors and warnings."""
    debug: bool = False
    """Show a traceback for every error."""

    def run(self) -> int:
        from af2jax.report.pages import page
        from af2jax.screening.variants import scan

        check_out(self.out)
        with bar("passes", self.quiet) as progress:
            found = scan(
                self.query,
                self.params,
                self.positions,
                variants=self.variants,
                msa=self.msa or None,
                zero_shot=ZERO_SHOT[self.zero_shot],
                num_recycle=self.num_recycle,
                seed=self.random_seed,
                preset=self.preset,
                progress=progress,
            )
        for note in found.notes:
            print(f"note: {note}")
        for name, value in found.agreement.items():
            print(f"{name}: Spearman {value:.3f} with what was measured")
        print(f"{len(found.variants)} variants by {', '.join(found.scores)}: {self.out / 'variants.csv'}")
        print(page(found).save(self.out))
        return 0
