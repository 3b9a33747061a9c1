"""What tuned heads answer of one query: over several predictions, and of residues and pairs as tables."""

import csv
import io
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from absl import logging

from af2jax.files import file_name
from af2jax.heads import Answer, together
from af2jax.results.naming import Files
from af2jax.results.scored import Scored


def answers(predictions: Sequence[Scored]) -> dict[str, Answer]:
    """What each head answers over the predictions of one query: the mean and the spread of those that have it.

    Raises:
        InputError: heads of one name are different ones.
    """
    return together([prediction.heads for prediction in predictions])


def tables(predictions: Sequence[Scored], naming: str) -> Files:
    """The table of each head that answers of residues or pairs, by the name of its file.

    Rows are those of `Answer.rows`, with the chain, the number and the letter of each residue as structures have them;
    of pairs all are there, in both orders.
    """
    found = answers(predictions)
    for name in found:
        if lacking := sorted({p.preset for p in predictions if name not in p.heads}):
            logging.warning('head "%s": %s do not have it, and so do not count in it', name, ", ".join(lacking))
    protein = predictions[0].protein
    chains = [protein.names[index] for index in protein.chain_index.tolist()]
    residues = list(zip(chains, (protein.residue_index + 1).tolist(), protein.sequence, strict=True))
    names = table_names(found, protein.name, naming)
    return {file: partial(_write_table, found[head], residues) for head, file in names.items()}


def table_names(answers: Mapping[str, Answer], job: str, naming: str) -> dict[str, str]:
    """The file, below the folder of the results, of each head that has a table of its own."""
    where = f"{file_name(job)}{'_' if naming == 'colabfold' else '/'}"
    return {n: f"{where}{file_name(n)}.csv" for n, answer in answers.items() if answer.kind in ("residue", "pair")}


def _write_table(answer: Answer, residues: list[tuple], path: Path) -> None:
    num = answer.values.ndim - 1  # residues that a row is of
    names = ("chain", "residue", "letter")
    header = list(names) if num == 1 else [f"{name}_{i}" for i in (1, 2) for name in names]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*header, *answer.columns[num:]])
    for row in answer.cells:
        own = [value for at in row[:num] for value in residues[at - 1]]
        table.writerow([*own, *(f"{x:.8g}" if isinstance(x, float) else x for x in row[num:])])
    path.write_text(text.getvalue())
