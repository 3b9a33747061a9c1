"""The residue alphabet: 20 amino acids in DeepMind's order, then X (unknown) and the gap of an alignment."""

import numpy as np

RESTYPES = "ARNDCQEGHILKMFPSTWYV"  # in the alphabetical order of their three-letter names
UNKNOWN = 20  # X
GAP = 21
LETTERS = RESTYPES + "X-"  # letter of every code

_THREE = "ALA ARG ASN ASP CYS GLN GLU GLY HIS ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL UNK"
THREE = _THREE.split()  # three-letter name of every code but the gap's
ONE_TO_THREE = dict(zip(RESTYPES + "X", THREE, strict=True))
THREE_TO_ONE = {three: one for one, three in ONE_TO_THREE.items()}
CODES = {letter: code for code, letter in enumerate(RESTYPES + "X")}

# Alignments: B is read as D, Z as E and U as C; J and O, which stand for no single residue type of ours, as X.
MSA_CODES = {letter: code for code, letter in enumerate(LETTERS)} | {
    letter: LETTERS.index(meant) for letter, meant in zip("BZUJO", "DECXX", strict=True)
}

_CODE_OF_BYTE = np.full(256, UNKNOWN, np.int32)
_CODE_OF_BYTE[np.frombuffer(RESTYPES.encode(), np.uint8)] = np.arange(len(RESTYPES))


def encode(sequence: str) -> np.ndarray:
    """The codes of a query sequence, int32 [N_res]: 0 to 19 for the 20 upper-case letters, X (20) for all else."""
    return _CODE_OF_BYTE[np.frombuffer(sequence.encode("ascii", "replace"), np.uint8)]
