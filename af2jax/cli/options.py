"""The options of `af2jax predict`, by subject; names are ColabFold's where it has them."""

import re
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import UseAppendAction

from af2jax.errors import InputError
from af2jax.files import path_and_chain


def given(options) -> list[str]:
    """The flags of a dataclass of options that are not at their default, such as --naming or --no-plots."""
    plain = [one for one in fields(options) if one.default is not MISSING]
    changed = [one for one in plain if getattr(options, one.name) != one.default]
    return [f"--{'no-' * (one.default is True)}{one.name.replace('_', '-')}" for one in changed]


@dataclass
class Network:
    """Which networks, and how they are run."""

    params: Annotated[tuple[Path, ...], UseAppendAction] = ()
    """Folder of DeepMind's params_*.npz, one such file, a run directory of af2jax finetune, or mini: the small
    network in the package. May be given again: all of them predict, and tuned heads answer with mean and spread."""
    model: str = ""
    """Presets, joined by commas, or a model type such as alphafold2_ptm; default: every one found in --params."""
    model_order: str = ""
    """Numbers of the presets in the order of their use, such as 3,1,2; others are left out."""
    num_models: int | None = None
    """Run only the first N presets."""
    random_weights: bool = False
    """Use random weights in place of --params, to try the program out (preset "tiny" unless --model)."""
    bfloat16: bool = False
    """Compute the trunk in bfloat16: less memory and time, other rounding."""
    chunk: int = 0
    """Rows of attention that are computed at a time: fewer need less memory; 0: all, on a CPU what is quickest."""
    shards: int = 1
    """Devices that share each query, where one has not the memory for it."""
    device: Literal["", "cpu", "gpu", "tpu"] = ""
    """Compute on a device of this kind; default: the fastest available."""

    def check(self) -> None:
        """Raises InputError where values are out of range or contradict each other."""
        if bool(self.params) == self.random_weights:
            raise InputError("give either --params DIR (DeepMind's parameters) or --random-weights")
        if self.chunk < 0 or self.shards < 1:
            raise InputError("--chunk must be at least 0, --shards at least 1")
        if self.num_models is not None and self.num_models < 1:
            raise InputError("--num-models must be at least 1")


@dataclass
class Sampling:
    """How each network samples structures."""

    num_recycle: int | None = None
    """Recycles; default that of the preset."""
    recycle_early_stop_tolerance: float | None = None
    """Stop recycling once CA distances move less than this, in angstrom; 0 never stops early."""
    random_seed: int = 0
    """First seed of the MSA sampling and of dropout."""
    num_seeds: int = 1
    """Seeds for each query and preset."""
    max_msa: str = ""
    """Rows of MSA and extra MSA, such as 512:1024, the first with the rows of templates; default the preset's."""
    use_dropout: bool = False
    """Dropout as in training, so that seeds differ more."""
    stop_at_score: float = 100.0
    """Leave out the other presets and seeds of a query once a mean pLDDT is above this, of complexes 80
    ipTM + 20 pTM."""

    def check(self) -> None:
        """Raises InputError where values are out of range."""
        if self.num_seeds < 1 or self.random_seed < 0 or (self.num_recycle or 0) < 0:
            raise InputError("--num-seeds must be at least 1, --random-seed and --num-recycle at least 0")
        if not (self.recycle_early_stop_tolerance or 0) >= 0:
            raise InputError("--recycle-early-stop-tolerance must be at least 0")
        self.sizes(0)

    def sizes(self, templates: int) -> dict[str, int]:
        """The fields of `config.Data` that --max-msa sets, for a preset that reads this many templates."""
        if not self.max_msa:
            return {}
        found = re.fullmatch(r"([1-9]\d{0,5}):([1-9]\d{0,5})", self.max_msa)
        if not found:
            raise InputError(f"--max-msa {self.max_msa}: write ROWS:EXTRA, such as 512:1024")
        return {"clusters": max(int(found[1]) - templates, 1), "extra": int(found[2])}


@dataclass
class Inputs:
    """What is known of the queries; in a folder, files that are named as each of them are looked for."""

    msa: Annotated[tuple[Path, ...], UseAppendAction] = ()
    """Alignment of a query that is a sequence (A3M, Stockholm, CLUSTAL, .aln), or a folder of NAME.a3m, or of
    AlphaFold's or OpenFold's layout (NAME/*.sto); may be given again. Of a complex an alignment for each chain, which
    its first row tells, or ColabFold's one of all."""
    templates: Annotated[tuple[str, ...], UseAppendAction] = ()
    """Structure (mmCIF, PDB) aligned to each query by sequence, FILE or FILE:CHAIN, in a complex to the chain that it
    is most like; may be given again."""
    initial_guess: str | None = None
    """Structure of the query (mmCIF, PDB), FILE or FILE:A,B in the order of its chains, that the first pass starts
    from."""
    template_hits: Path | None = None
    """Hits among known structures (.hhr, .m8, hmmsearch's .sto), or a folder of NAME.hhr or NAME.hits.sto."""
    seqres: Path | None = None
    """FASTA of the chains of known structure, such as pdb_seqres.txt, to search for templates."""
    custom_template_path: Path | None = None
    """Folder of the mmCIF files that hits name."""
    max_template_date: str | None = None
    """Leave out hits that were released later: 2021-09-30."""
    one_complex: bool = False
    """The records of each FASTA file are the chains of one complex; else each is a query, and ":" joins chains."""
    cyclic: str = ""
    """Chains that are cyclic (the last residue is bound to the first), such as A or A,C in the order of the query."""
    pairing: Literal["auto", "species", "greedy", "complete", "none"] = "auto"
    """How rows of the chains of a complex are joined: by the species that they name (as AlphaFold does), or as one
    search has joined them, of some chains (greedy) or of all (complete); auto: the latter where there are such rows."""

    def check(self) -> None:
        """Raises InputError where something is missing, so that no query waits for nothing."""
        for name, paths in (("msa", self.msa), ("template-hits", [self.template_hits]), ("seqres", [self.seqres])):
            for path in paths:
                if path is not None and not path.exists():
                    raise InputError(f"--{name} {path}: no such file or folder; check the path")
        for item in self.templates:
            if not path_and_chain(item)[0].is_file():
                raise InputError(f"--templates {item}: no such file; check the path")
        if self.initial_guess and not path_and_chain(self.initial_guess)[0].is_file():
            raise InputError(f"--initial-guess {self.initial_guess}: no such file; check the path")
        if (self.template_hits or self.seqres) and not self.custom_template_path:
            raise InputError(
                "hits of a search need --custom-template-path, the folder of the mmCIF files that they name"
            )
        if self.custom_template_path and not (self.template_hits or self.seqres):
            raise InputError(
                "--custom-template-path is the folder of structures that --template-hits or --seqres name; structures "
                "of your own are given by --templates FILE:CHAIN"
            )
        if self.custom_template_path and not self.custom_template_path.is_dir():
            raise InputError(f"--custom-template-path {self.custom_template_path}: no such folder; check the path")


@dataclass
class Results:
    """What is written."""

    rank: Literal["auto", "plddt", "ptm", "iptm"] = "auto"
    """What predictions are ranked by; auto: mean pLDDT, of complexes 0.8 ipTM + 0.2 pTM."""
    amber: bool = False
    """Relax structures with AMBER; needs `pip install "af2jax[relax]"`."""
    num_relax: int | None = None
    """How many of the best structures of each query are relaxed; default with --amber: all."""
    use_gpu_relax: bool = False
    """Relax on a GPU."""
    naming: Literal["colabfold", "alphafold"] = "colabfold"
    """Names of the files."""
    plots: bool = True
    """PNGs of the alignment, pLDDT, PAE and distances."""
    save_all: bool = False
    """Also every number and representation as .npz."""
    save_recycles: bool = False
    """Also the structure after each recycle."""
    save_single_representations: bool = False
    """Also the single representation as .npz."""
    save_pair_representations: bool = False
    """Also the pair representation as .npz."""

    def check(self) -> None:
        """Raises InputError where a value is out of range, or what relaxes is not installed."""
        if (self.num_relax or 0) < 0:
            raise InputError("--num-relax must be at least 0")
        if self.use_gpu_relax and not self.relaxed(1):
            raise InputError("--use-gpu-relax without --amber relaxes nothing: add --amber, or leave it out")
        if self.relaxed(1):
            from af2jax.relax import available

            available(self.use_gpu_relax)

    def relaxed(self, count: int) -> int:
        """How many of `count` predictions are relaxed."""
        return min(count, (count if self.amber else 0) if self.num_relax is None else self.num_relax)

    def keep(self) -> tuple[str, ...]:
        """What `inference.predict` keeps for the files."""
        wanted = {
            "passes": self.save_recycles,
            "single": self.save_single_representations or self.save_all,
            "pair": self.save_pair_representations or self.save_all,
            "distogram": self.save_all,
        }
        return tuple(name for name, yes in wanted.items() if yes)


@dataclass
class Conformations:
    """Whether more than one conformation is looked for, and how."""

    states: str = ""
    """Look for more than one conformation, in these ways, joined by commas, beside the control of each: clusters (rows
    of the alignment that are alike), columns (some are masked), depths (fewer rows), dropout; or all. Each query has a
    folder with a page, its models, and the alignment that made each."""
    reference: Annotated[tuple[str, ...], UseAppendAction] = ()
    """Known structure of the query, FILE or FILE:CHAIN, that its models are compared with; may be given again."""
    state_models: int = 8
    """Models of each way, and as many of its control, for each preset and seed."""
    state_tm_score: float = 0.8
    """Models are of one state from this TM-score on."""

    def check(self) -> None:
        """Raises InputError where there is no such way or structure, or one of these is given without --states."""
        if not self.states:
            if found := given(self):
                why = f"{found[0]} is of --states, which is not given"
                raise InputError(f"{why}: add --states clusters, or leave it out")
            return
        from af2jax.conformations.study import checked

        checked(self.states, self.state_models, self.state_tm_score)
        for item in self.reference:
            if not path_and_chain(item)[0].is_file():
                raise InputError(f"--reference {item}: no such file; check the path")
