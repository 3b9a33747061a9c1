"""Rows of several chains that belong together, since they are of one species.

Source: R. Evans et al., "Protein complex prediction with AlphaFold-Multimer" (2021), and, where the paper is silent,
what DeepMind's code does.
"""

import re
from collections.abc import Sequence

import numpy as np

from af2jax.typing import Float, Int

CROWD = 600  # a species with more rows in one chain says nothing about which belong together
NONE = -1  # the row of a chain that has none


def species_of(header: str) -> str:
    """The species that a row's header names, or "".

    - UniProt, as AlphaFold reads it: "tr|A0A146SKV9|A0A146SKV9_FUNHE/1-99 ..." is FUNHE; databases tr and sp only.
    - UniRef with the number of a taxon, as files for pairing have it: "UniRef100_A0A0S7JZT1_188132/ ..." is 188132.
    - UniRef with its description: "... n=2 Tax=Xenopus TaxID=8353 RepID=A0A1L8HNI8_XENLA" is XENLA, since the row is
      the representative's; a cluster of one whose representative has no such code is its TaxID.

    The last two are ours. Codes and numbers of one species do not meet.
    """
    words = header.split(maxsplit=1)
    name = words[0].partition("/")[0] if words else ""
    if found := _UNIPROT.fullmatch(name) or _TAXON.fullmatch(name):
        return found[1]
    if not name.startswith("UniRef") or len(words) < 2:
        return ""
    found = _REPRESENTATIVE.search(words[1]) or _ALONE.search(words[1])
    return found[1] if found else ""


_UNIPROT = re.compile(r"(?:sp|tr)\|[A-Za-z0-9]{6,10}(?:_\d)?\|[A-Za-z0-9]+_([A-Za-z0-9]{1,5})(?:_\d+)?")
_TAXON = re.compile(r"UniRef\d+_[A-Za-z0-9-]+_(\d+)")
_REPRESENTATIVE = re.compile(r"\bRepID=[A-Z0-9]+_([A-Z0-9]{1,5})(?!\S)")
_ALONE = re.compile(r"\bn=1 .*\bTaxID=(\d+)")


def similarity(codes: Int[np.ndarray, "N_row N_res"]) -> Float[np.ndarray, "N_row"]:
    """The fraction of positions at which each row has the letter of row 0."""
    return (codes == codes[0]).mean(axis=1)


def by_species(
    kinds: Sequence[Sequence[str]], likeness: Sequence[Float[np.ndarray, "..."]]
) -> Int[np.ndarray, "N_pair N_chain"]:
    """The rows of each chain that belong together since they are of one species; -1 where a chain has none.

    Args:
        kinds: for each chain the species of its rows, "" where unknown; of row 0, the query, always "".
        likeness: for each chain how near its rows are to the query, as `similarity` says.

    Within a species the rows that are most like the query are joined, then the second, and so on, as many as the
    chain with the fewest has; chains that do not know the species have none. Left out are species of one chain only,
    and those of more than 600 rows in any. The first row joins the queries. Rows of all chains come first, then those
    of all but one, and so on; among these the smaller product of row numbers comes first, in absolute value.

    DeepMind leaves the order of equals to an unstable sort, which depends on the machine; here equally similar rows
    keep their order, and equal products that of the species' names. Products of many chains overflow as DeepMind's do.
    """
    members: list[dict[str, list[int]]] = []
    for chain, names in enumerate(kinds):
        members.append({})
        for row in np.argsort(-likeness[chain], kind="stable"):
            members[chain].setdefault(names[row], []).append(int(row))
    found: dict[int, list[list[int]]] = {len(kinds): [[0] * len(kinds)]}
    for kind in sorted(set().union(*members) - {""}):
        sizes = [len(chain[kind]) for chain in members if kind in chain]
        if len(sizes) > 1 and max(sizes) <= CROWD:
            absent = [NONE] * min(sizes)
            together = zip(*(chain.get(kind, absent)[: min(sizes)] for chain in members), strict=True)
            found.setdefault(len(sizes), []).extend(map(list, together))
    ordered = []
    for count in sorted(found, reverse=True):
        group = np.array(found[count], np.int64)
        ordered.append(group[np.argsort(np.abs(np.prod(group, axis=1)), kind="stable")])
    return np.concatenate(ordered)
