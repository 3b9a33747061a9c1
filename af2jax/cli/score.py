"""`af2jax score`: given structures judged by a network, in batches that resume."""

import dataclasses
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import OmitArgPrefixes, Positional, UseAppendAction

from af2jax.cli import structures
from af2jax.cli.batch import FAILURES, note_failures
from af2jax.cli.options import Inputs, Network, Results, Sampling
from af2jax.cli.predict import Predict
from af2jax.errors import InputError
from af2jax.words import counted


@dataclass
class Score:
    """Judge given structures: how sure a network is that starts from each (initial guess) or sees it as a template
    without side chains (AF2Rank); pLDDT, pTM, scores of interfaces and RMSD, a table and a page for each.

    What was judged before is skipped, so that the same command resumes a batch that was stopped. With --pae nothing is
    folded: the scores of interfaces follow from the structure, its pLDDT (B factors) and its PAE file. Exit codes as of
    predict.
    """

    structures: Positional[tuple[Path, ...]]
    """mmCIF or PDB files (.gz too), FILE or FILE:A,B for some of the chains, or folders of them."""
    out: Path
    """Folder for the results; scores.csv has a row for each structure, network, seed and pair of chains."""
    network: OmitArgPrefixes[Network] = field(default_factory=Network)
    sampling: OmitArgPrefixes[Sampling] = field(default_factory=Sampling)
    results: OmitArgPrefixes[Results] = field(default_factory=Results)
    protocol: Literal["initial-guess", "af2rank"] = "initial-guess"
    """How a network is shown a structure: as positions to start from (by default 3 recycles), or as a template without
    sequence and side chains (1 recycle)."""
    target: str = ""
    """Chains that are shown as a template too, joined by commas: what a binder is to bind."""
    cyclic: str = ""
    """Chains that are cyclic (the last residue is bound to the first), joined by commas."""
    msa: Annotated[tuple[Path, ...], UseAppendAction] = ()
    """Alignments, as of predict; default none, as published."""
    pae: Annotated[tuple[Path, ...], UseAppendAction] = ()
    """PAE files (JSON of ColabFold, AlphaFold or its database), one for each structure in their order; in place of
    --params."""
    overwrite_existing_results: bool = False
    """Judge again what was judged before."""
    shard: str = ""
    """Do part i of n of the structures, i/n, such as 1/4."""
    quiet: bool = False
    """Print nothing but errors and warnings."""
    debug: bool = False
    """Show a traceback for every error."""

    def run(self) -> int:
        from af2jax import scoring
        from af2jax.config import preset
        from af2jax.data.cyclic import names

        if self.pae:
            return self.from_files()
        target, recycles = names(self.target), self.sampling.num_recycle
        recycles = scoring.RECYCLES[self.protocol] if recycles is None else recycles
        command = Predict(
            query=(),
            out=self.out,
            network=self.network,
            sampling=dataclasses.replace(self.sampling, num_recycle=recycles),
            inputs=Inputs(msa=self.msa),
            results=self.results,
            **{name: getattr(self, name) for name in ("overwrite_existing_results", "shard", "quiet", "debug")},
        )
        command.check()
        chosen, networks = command.networks()
        for member in chosen:
            scoring.check(self.protocol, target, preset(member.preset))
        jobs, unread, found = [], [], structures.named(self.structures, chains=True)
        for name, path in found.items():
            try:
                jobs.append(self.job(name, path, target))
            except InputError as error:
                unread.append((name, str(error)))
        return command.fold_jobs(chosen, networks, jobs, unread, set(found))

    def job(self, name: str, path: Path, target: tuple[str, ...]):
        """A structure as a query.

        Raises:
            InputError: it cannot be read, or has no such chain.
        """
        from af2jax.data.cyclic import names
        from af2jax.data.given import read_given
        from af2jax.data.queries import Job

        given = read_given(path)
        given.check_target(target)
        query, cyclic = ":".join(given.sequences), given.letters(names(self.cyclic))
        return Job(name, query, str(path), structure=str(path), protocol=self.protocol, target=target, cyclic=cyclic)

    def from_files(self) -> int:
        """The scores of interfaces that structures have with their PAE files."""
        from af2jax import scoring
        from af2jax.files import plain, write

        found = structures.named(self.structures, chains=True)
        if self.network.params or self.network.random_weights:
            raise InputError("--pae scores files as they are: leave --params and --random-weights out")
        if len(found) != len(self.pae):
            raise InputError(
                f"{len(found)} structures and {len(self.pae)} PAE files; give one --pae for each structure"
            )
        rows, failures = [], []
        for (name, path), pae in zip(found.items(), self.pae, strict=True):
            try:
                one = scoring.of_files(path, pae)
            except InputError as error:
                failures.append((name, str(error)))
                print(f"failed: {error}", file=sys.stderr)
                continue
            write(self.out / f"{name}_scores.json", json.dumps(plain(one.prediction.scores())))
            rows += one.rows
            pairs = "".join(f", {row['pair']} ipSAE {row['ipsae_min']:.3f}" for row in one.rows if row["pair"])
            print(f"{name}: {counted(len(one.prediction.plddt), 'residue')}{pairs}")
        scoring.save(self.out, rows)
        if failures:
            note_failures(self.out / FAILURES, failures)
        return 0 if not failures else 3 if rows else 4
