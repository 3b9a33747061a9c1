"""What a training writes down as it goes: a line of JSON for each step, and events for TensorBoard if it is there."""

import importlib.util
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path

from af2jax.errors import InputError
from af2jax.files import write

TRAIN, VALIDATION = "metrics.jsonl", "validation.jsonl"


class Record:
    """Appends to `metrics.jsonl` and `validation.jsonl` in the folder `out`, from `step` on.

    What an interrupted run wrote of later steps than it had saved is dropped first, so that a resumed run leaves the
    same files as one that was never stopped.
    """

    def __init__(self, out: str | os.PathLike, step: int, fresh: bool):
        self.out, self.fresh, self.events = Path(out), fresh, None
        for name, first in ((TRAIN, step), (VALIDATION, step + 1)):
            path = self.out / name
            kept = [line for line in lines(path) if line["step"] < first] if path.exists() and not fresh else []
            write(path, "".join(json.dumps(line) + "\n" for line in kept))
        if importlib.util.find_spec("tensorboardX"):
            from tensorboardX import SummaryWriter

            self.events = SummaryWriter(str(self.out / "tensorboard"), purge_step=step, write_to_disk=True)

    def train(self, step: int, values: Mapping[str, float]) -> None:
        """The metrics of the update that led from `step` to `step` + 1."""
        self._write(TRAIN, "train", step, values)

    def validation(self, step: int, values: Mapping[str, float]) -> None:
        """How good the parameters are after `step` updates."""
        self._write(VALIDATION, "validation", step, values)

    def _write(self, name: str, scope: str, step: int, values: Mapping[str, float]) -> None:
        known = {key: float(f"{value:.6g}") if math.isfinite(value) else None for key, value in values.items()}
        with open(self.out / name, "a") as file:
            file.write(json.dumps({"step": step} | known) + "\n")
        if self.events:
            for key, value in known.items():
                if value is not None:
                    self.events.add_scalar(f"{scope}/{key}", value, step)

    def close(self) -> None:
        """Hands everything to the disk."""
        if self.events:
            self.events.close()


def lines(path: str | os.PathLike) -> list[dict]:
    """The lines of such a file; a last one that a killed writer left half is dropped.

    Raises:
        InputError: another line is damaged, or the file is missing.
    """
    try:
        texts = Path(path).read_text().splitlines()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    found = []
    for number, text in enumerate(texts, 1):
        try:
            found.append(json.loads(text))
        except ValueError:
            if number < len(texts):
                raise InputError(f"{path}, line {number}: no JSON; the file is damaged") from None
    return found
