"""The flags of colabfold_batch (ColabFold 1.6.3): which are the same here, and the answer to the others."""

import shlex
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

NONE = "there is no such thing here, because "

SAME = (  # the same name and meaning
    *("--max-template-date", "--num-recycle", "--recycle-early-stop-tolerance", "--num-seeds", "--random-seed"),
    *("--num-models", "--model-order", "--use-dropout", "--max-msa", "--amber", "--num-relax", "--use-gpu-relax"),
    *("--rank", "--stop-at-score", "--initial-guess", "--save-all", "--save-recycles", "--save-single-representations"),
    *("--save-pair-representations", "--overwrite-existing-results"),
)
SWITCHES = {  # here these take a value, there none
    "--templates": "it takes a structure, --templates FILE:CHAIN; templates are searched for by --seqres FASTA with "
    "--custom-template-path DIR, and hits of a search are given by --template-hits FILE",
}
VALUES = {  # values that have another word here
    ("--rank", "multimer"): "write --rank auto, which is 0.8 ipTM + 0.2 pTM for complexes",
}
ANSWERS = {
    "--data": "write --params DIR, DeepMind's params_*.npz or the folder above them",
    "--model-type": "write --model, such as --model alphafold2_ptm or --model model_1_ptm; without it every preset "
    "found in --params is used",
    "--msa-mode": "write --msa-server URL for a ColabFold server's alignment, --msa FILE for one of your own; leave "
    "it out for single_sequence",
    "--host-url": "write --msa-server URL; none is contacted unless it is named",
    "--msa-only": "write af2jax search QUERY --out DIR --msa-server URL",
    "--pair-mode": "write --pairing none for unpaired rows alone, else leave it out: paired and unpaired rows are used",
    "--pair-strategy": "write --pairing greedy or --pairing complete",
    "--custom-template-path": "structures of your own are given by --templates FILE:CHAIN, or in a table's column "
    "templatepath; --custom-template-path DIR is the folder of mmCIF files that --template-hits or --seqres name",
    "--custom-template-cache-path": NONE + "templates of your own (--templates FILE:CHAIN) are aligned with the query "
    "directly, without a database",
    "--max-template-hits": NONE + "all hits are looked at, until the preset has as many templates as it reads",
    "--pdb-hit-file": "write --template-hits FILE",
    "--local-pdb-path": "write --custom-template-path DIR, a folder of the mmCIF files that hits name",
    "--num-ensemble": NONE + "one draw of the alignment is made in each recycle; --num-seeds draws others",
    "--max-seq": "write --max-msa SEQ:EXTRA",
    "--max-extra-seq": "write --max-msa SEQ:EXTRA",
    "--disable-cluster-profile": NONE + "features are those that the networks were trained on",
    "--calc-extra-ptm": "leave it out: per_chain_ptm, pairwise_iptm and pairwise_actifptm are always in the scores",
    "--no-use-probs-extra": NONE + "pairs count in actifpTM by their probability of contact, as by ColabFold's default",
    "--relax-max-iterations": "write af2jax relax STRUCTURES --out DIR --max-iterations N",
    "--relax-tolerance": "write af2jax relax STRUCTURES --out DIR --tolerance X",
    "--relax-stiffness": "write af2jax relax STRUCTURES --out DIR --stiffness X",
    "--relax-max-outer-iterations": "write af2jax relax STRUCTURES --out DIR --max-outer-iterations N",
    "--jobname-prefix": NONE + "files are named after their queries, so that a batch can resume; rename the queries",
    "--skip-output": "write --no-plots; alignments are not copied, and the PAE file belongs to the results",
    "--zip": NONE + "a batch resumes by the files of its results; pack the folder when it is done",
    "--sort-queries-by": NONE + "queries are always folded by length, so that programs are compiled once",
    "--disable-unified-memory": NONE + "unified memory is not asked for; XLA's own variables decide",
    "--recompile-padding": NONE + "lengths are always padded, to steps that grow with the length",
    "--use-fast-kernels": NONE + "XLA's own programs are used; --chunk reduces the memory",
    "--no-use-fast-kernels": NONE + "XLA's own programs are used",
    "--use-pallas": NONE + "XLA's own programs are used; --chunk reduces the memory",
    "--kernel-backend": NONE + "XLA's own programs are used",
    "--compile-mode": NONE + "XLA's own programs are used, and kept on disk",
    "--debug-logging": "write --debug",
    "--af3-json": NONE + "inputs of AlphaFold 3 are read, not written",
}


def answer(arguments: Sequence[str]) -> str:
    """The answer to the first habit of colabfold_batch that `af2jax predict` does not share; "": none."""
    if not arguments or arguments[0] != "predict":
        return ""
    for index, argument in enumerate(arguments):
        flag, equals, value = argument.partition("=")
        flag = flag.replace("_", "-")
        after = arguments[index + 1] if index + 1 < len(arguments) else ""
        found = VALUES.get((flag, value if equals else after), "")
        if not equals and (not after or after.startswith("--")):
            found = found or SWITCHES.get(flag, "")
        if flag == "--custom-template-path" and any(a.startswith(("--template-hits", "--seqres")) for a in arguments):
            continue
        if found := found or ANSWERS.get(flag, ""):
            return f"{flag} of colabfold_batch: {found}"
    return _folder(arguments[1:])


def _folder(arguments: Sequence[str]) -> str:
    """The answer where the folder for the results is the second positional argument, before the flags or after them."""
    if any(argument.startswith(("-h", "-H", "--help", "--out")) for argument in arguments):
        return ""
    plain = lambda argument: not argument.startswith("-")
    first, last = list(takewhile(plain, arguments)), list(takewhile(plain, reversed(arguments)))
    out = first[-1] if len(first) > 1 else last[0] if len(last) > 1 else ""
    if not out or Path(out).is_file():
        return ""
    return f"{out}: write --out {shlex.quote(out)}; the folder for the results is given by this flag"
