"""Sets of peptides with a partner, such as MHC molecules: whether what is held out has partners of the training."""

from collections.abc import Sequence

from af2jax.audit.findings import Finding
from af2jax.audit.look import Seen
from af2jax.data import splits
from af2jax.data.parse import printable
from af2jax.words import counted


def findings(seen: Sequence[Seen]) -> list[Finding]:
    """How many held-out peptides have the very partner of one that is trained on; [] of sets that are none of peptides
    (`splits.peptides`), and where nothing is held out or all partners are new."""
    varying = splits.peptides([one.sequence for one in seen])
    if varying is None:
        return []
    partners = [_without(one.sequence, short) for one, short in zip(seen, varying, strict=True)]
    parts = [one.item.split for one in seen]
    trained = {partner for partner, part in zip(partners, parts, strict=True) if part == "train"}
    held = [i for i, part in enumerate(parts) if part in ("valid", "test")]
    known = [i for i in held if partners[i] in trained]
    if not known:
        return []
    number = counted(len({partners[i] for i in known}), "partner")
    new = len(held) - len(known)
    return [
        Finding(
            "known partners",
            35 if new else 25,
            f"{len(known)} of {len(held)} held-out peptides have a partner that training has too ({number})",
            "What is measured on them holds for new peptides with these partners, not for new partners such as other "
            "alleles.",
            "Report peptides with known and with new partners apart."
            if new
            else "Claim nothing of other partners. To do so hold out whole partners: prepared.csv is split by peptide "
            "alone, so give these rows a split yourself.",
            tuple(f"{printable(seen[i].item.id)} ({parts[i]})" for i in known),
        )
    ]


def _without(sequence: str, short: str) -> str:
    """The chains of a complex but its peptide, in an order that does not depend on the file's."""
    chains = sequence.split("/")
    chains.remove(short)
    return "/".join(sorted(chains))
