"""`af2jax score`: given structures judged by a network, in batches that resume."""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import OmitArgPrefixes, Positional, UseAppendAction

from af2jax.cli import batch, structures
from af2jax.cli.options import Inputs, Network, Results, Sampling, given
from af2jax.cli.predict import SKIPPED, Predict
from af2jax.errors import InputError
from af2jax.files import file_name
from af2jax.words import counted

WITH_FILES = ("--pae", "--overwrite-existing-results", "--shard", "--quiet", "--debug")  # what --pae can be given with


@dataclass
class Score:
    """Judge given structures: how sure a network is that starts from each (initial guess) or sees it as a template
    without side chains (AF2Rank); pLDDT, pTM, scores of interfaces and RMSD, a table and a page for each.

    What was judged before is skipped, so that the same command resumes a batch that was stopped; scores of the same
    structure by another protocol or network are not replaced. With --pae nothing is folded: the scores of interfaces
    follow from the structure, its pLDDT (B factors) and its PAE file. Exit codes as of predict.
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
    --params and of all that says how to fold."""
    overwrite_existing_results: bool = False
    """Judge again what was judged before, and replace scores by another protocol or network."""
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
        sampling = dataclasses.replace(self.sampling, num_recycle=recycles)
        command = self.command(sampling=sampling, inputs=Inputs(msa=self.msa))
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
        new = {
            "structure": [None, None, self.protocol, list(target)],
            "sampling": dataclasses.asdict(sampling),
            "presets": {member.name: networks.fingerprint(member) for member in chosen},
        }
        self.keep_others([job.name for job in jobs], {job.name: new | {"cyclic": list(job.cyclic)} for job in jobs})
        return command.fold_jobs(chosen, networks, jobs, unread, set(found))

    def job(self, name: str, path: Path, target: tuple[str, ...]):
        """A structure as a query.

        Raises:
            InputError: it cannot be read, or has no such chain.
        """
        from af2jax.data.cyclic import names
        from af2jax.data.given import read_given
        from af2jax.data.queries import Job

        known = read_given(path)
        known.check_target(target)
        query, cyclic = ":".join(known.sequences), known.letters(names(self.cyclic))
        return Job(name, query, str(path), structure=str(path), protocol=self.protocol, target=target, cyclic=cyclic)

    def from_files(self) -> int:
        """The scores of interfaces that structures have with their PAE files."""
        from af2jax import scoring
        from af2jax.files import path_and_chain, plain, tidy, write
        from af2jax.report.given import TITLES
        from af2jax.report.prediction import save_page

        found = structures.named(self.structures, chains=True)
        options = (self, self.network, self.sampling, self.results)
        if odd := [flag for one in options for flag in given(one) if flag not in WITH_FILES]:
            raise InputError(f"--pae scores files as they are, and nothing is folded: leave {', '.join(odd)} out")
        if len(found) != len(self.pae):
            raise InputError(
                f"{len(found)} structures and {len(self.pae)} PAE files; give one --pae for each structure"
            )
        if parts := [path for path in found.values() if path_and_chain(path)[1]]:
            raise InputError(f"--pae scores whole files: give {path_and_chain(parts[0])[0]}, not {parts[0]}")
        command = self.command()
        command.check_out()
        new = {"structure": [None, None, scoring.FILES, []]}
        self.keep_others(found, dict.fromkeys(found, new))
        tidy(self.out)
        pairs = batch.shard(list(zip(found.items(), self.pae, strict=True)), self.shard)
        failed, begun, title = {}, 0, TITLES[scoring.FILES]
        for (name, path), pae in pairs:
            settings = {"structure": [batch.identity(path), *new["structure"][1:]], "pae": batch.identity(pae)}
            if not self.overwrite_existing_results and batch.is_done(self.out, name, settings):
                print(f"{name}: {SKIPPED}")
                continue
            try:
                one = scoring.of_files(path, pae, name)
            except InputError as error:
                command.fail(failed, name, str(error))
                continue
            begun += 1
            batch.clear(self.out, name)
            files = [write(self.out / f"{file_name(name)}_scores.json", json.dumps(plain(one.prediction.scores())))]
            files.append(save_page([(one.prediction, None)], files, self.out, "colabfold", scores=[one], title=title))
            batch.finish(self.out, name, settings, files, scores=one.rows)
            batch.note(self.out, {}, [name])
            shown = "".join(f", {row['pair']} ipSAE {row['ipsae_min']:.3f}" for row in one.rows if row["pair"])
            print(f"{name}: {counted(len(one.prediction.plddt), 'residue')}{shown}")
        command.index()
        return batch.exit_code(len(failed), len(pairs), begun)

    def command(self, **more) -> Predict:
        """The command that folds structures as its queries, and writes what a folder has once."""
        shared = {name: getattr(self, name) for name in ("overwrite_existing_results", "shard", "quiet", "debug")}
        return Predict(query=(), out=self.out, network=self.network, results=self.results, **shared, **more)

    def keep_others(self, names: Iterable[str], settings: Mapping[str, Mapping]) -> None:
        """Raises InputError where the folder has scores of one of these structures that would be lost, as `settings` of
        this command do not make them again."""
        if self.overwrite_existing_results:
            return
        for name in names:
            old = batch.settings(self.out, name)
            if old and (lost := difference(old, settings[name])):
                raise InputError(
                    f"--out {self.out} has scores of {name} {lost}: they would be lost; give another folder, or "
                    "--overwrite-existing-results"
                )


def difference(old: Mapping, new: Mapping) -> str:
    """Which scores a structure has by the settings `old` that it has not by `new`, in words; "": none."""
    was, now = _way(old), _way(new)
    if other := [what for what in was if was[what] != now[what]]:
        what = other[0]
        return f"with {what} = {was[what] or 'none'} (now {now[what] or 'none'})"
    for network, weights, seed in sorted(_made(old) - _made(new)):
        other = new.get("presets", {}).get(network, weights) != weights
        return f"by other weights of {network}" if other else f"by {network} with seed {seed}"
    return ""


def _way(settings: Mapping) -> dict[str, str]:
    """How a structure was shown to the network, in words."""
    *_, protocol, target = settings.get("structure") or (None, None, "", ())
    recycles = settings.get("sampling", {}).get("num_recycle", "")
    cyclic = ",".join(settings.get("cyclic", ()))
    return {
        "protocol": protocol or "predict",
        "target": ",".join(target),
        "cyclic": cyclic,
        "recycles": "" if recycles is None else str(recycles),
    }


def _made(settings: Mapping) -> set[tuple[str, str, int]]:
    """(network, its weights, seed) of each prediction."""
    sampling = settings.get("sampling", {})
    first = sampling.get("random_seed", 0)
    seeds = range(first, first + sampling.get("num_seeds", 1))
    return {(network, weights, seed) for network, weights in settings.get("presets", {}).items() for seed in seeds}
