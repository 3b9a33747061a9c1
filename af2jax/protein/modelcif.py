"""ModelCIF, the extension of mmCIF for models: the atoms, and what says that they are predicted and how well."""

import re

import gemmi
import numpy as np

from af2jax.constants.residues import THREE
from af2jax.protein.record import Atoms, plain

PREDICTED = ("ma_", "audit_conform", "software")  # categories that predictions alone have
DICTIONARY = "https://raw.githubusercontent.com/ihmwg/ModelCIF/master/dist/mmcif_ma.dic"


def document(protein: Atoms, structure: gemmi.Structure) -> str:
    """The text of a ModelCIF file with one data block; `structure`: the atoms as gemmi has them, which gains a name."""
    structure.name = re.sub(r"[^\w.-]", "_", protein.name, flags=re.ASCII)
    groups = gemmi.MmcifOutputGroups(True, auth_all=True, cell=False, symmetry=False)
    block = structure.make_mmcif_document(groups)[0]
    block.set_pair("_struct.entry_id", _quoted(structure.name))
    about = f"af2jax prediction of {protein.name}" if protein.predicted else protein.name
    title = plain("; ".join((about, *protein.notes)))
    block.set_pair("_struct.title", _quoted(title))
    entity_of = {chain: entity.name for entity in structure.entities for chain in entity.subchains}
    tables = _model(protein, entity_of) | _residues(protein, entity_of)
    for category, rows in tables.items():
        if not protein.predicted and category.startswith(PREDICTED):
            continue
        block.find_mmcif_category(f"_{category}.").erase()
        loop = block.init_loop(f"_{category}.", list(rows[0]))
        for row in rows:
            loop.add_row([_quoted(value) for value in row.values()])
    out = gemmi.cif.Document()
    out.add_copied_block(block)
    return out.as_string()


def _model(protein: Atoms, entity_of: dict[str, str]) -> dict[str, list[dict]]:
    """What was modelled and by what: categories by name, each as its rows."""
    entities = sorted(set(entity_of.values()), key=int)
    kinds = {name: "peptide linking" if name == "GLY" else "L-peptide linking" for name in THREE}
    return {
        "audit_conform": [{"dict_name": "mmcif_ma.dic", "dict_location": DICTIONARY}],
        "software": [{"pdbx_ordinal": 1, "name": "af2jax", "classification": "model building", "type": "package"}],
        "chem_comp": [{"id": name, "type": kinds[name]} for name in sorted({THREE[a] for a in protein.aatype})],
        "struct_asym": [{"id": chain, "entity_id": entity} for chain, entity in entity_of.items()],
        "ma_data": [
            {"id": 1, "name": "target", "content_type": "target"},
            {"id": 2, "name": "model", "content_type": "model coordinates"},
        ],
        "ma_target_entity": [{"entity_id": entity, "data_id": 1, "origin": "designed"} for entity in entities],
        "ma_target_entity_instance": [
            {"asym_id": chain, "entity_id": entity, "details": f"chain {chain}"} for chain, entity in entity_of.items()
        ],
        "ma_model_list": [
            {"ordinal_id": 1, "model_id": 1, "model_name": "model", "data_id": 2, "model_type": "Ab initio model"}
        ],
        "ma_qa_metric": [
            {"id": 1, "name": "pLDDT", "mode": "global", "type": "pLDDT", "description": "mean of the local pLDDT"},
            {"id": 2, "name": "pLDDT", "mode": "local", "type": "pLDDT", "description": "predicted lDDT of CA"},
        ],
        "ma_qa_metric_global": [
            {"ordinal_id": 1, "model_id": 1, "metric_id": 1, "metric_value": f"{protein.plddt.mean():.2f}"}
        ],
    }


SCORES = "ordinal_id model_id label_asym_id label_seq_id label_comp_id metric_id metric_value"
SCHEME = (
    "asym_id entity_id seq_id mon_id ndb_seq_num pdb_seq_num auth_seq_num pdb_mon_id auth_mon_id pdb_strand_id "
    "pdb_ins_code hetero"
)


def _residues(protein: Atoms, entity_of: dict[str, str]) -> dict[str, list[dict]]:
    """pLDDT and the numbers of each residue; mkdssp finds no chain without the latter."""
    scores, scheme = [], []
    for chain, asym in protein.names.items():
        for seq, i in enumerate(np.flatnonzero(protein.chain_index == chain), 1):
            name, number = THREE[protein.aatype[i]], int(protein.residue_index[i]) + 1
            stated = (number, name, name) if protein.atom_mask[i].any() else ("?", "?", "?")
            scores.append((len(scores) + 1, 1, asym, seq, name, 2, f"{protein.plddt[i]:.2f}"))
            scheme.append((asym, entity_of[asym], seq, name, seq, number, *stated, asym, ".", "n"))
    return {
        "ma_qa_metric_local": [dict(zip(SCORES.split(), row, strict=True)) for row in scores],
        "pdbx_poly_seq_scheme": [dict(zip(SCHEME.split(), row, strict=True)) for row in scheme],
    }


def _quoted(value) -> str:
    return value if value in (".", "?") else gemmi.cif.quote(str(value))
