"""Molecules in SDF files, read and written by RDKit (the extra ``sdf``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...schemas import EdgeType
from ..data import EdgeList, GraphData, Labels
from .building import Supervision, columns, edge_list, labels_of

MOLECULE, ATOM = "Molecule", "Atom"
BOND, HAS = EdgeType(ATOM, "bond", ATOM), EdgeType(MOLECULE, "has", ATOM)
ATOM_FEATURES = ("number", "charge", "hydrogens", "aromatic")
BOND_FEATURES = ("order",)
AROMATIC = 1.5


class BadMolecule(ValueError):
    """A record of an SDF file that RDKit does not read."""


def from_sdf(path: Path, target: str | None = None) -> GraphData:
    """The molecules of an SDF file as one graph.

    A vertex ``Molecule`` for each record and one ``Atom`` for each atom, which it ``has``; an edge ``bond`` for each
    bond, once. Atoms have the features ``number`` (in the periodic table), ``charge``, ``hydrogens`` (all of them) and
    ``aromatic``; bonds ``order``, 1.5 where it is aromatic. Numbers among the data items of a record are features of
    its molecule. A molecule is called by its title, or by its place in the file where titles are missing or repeat.

    Args:
        path: the file.
        target: the data item that is learned: classes, or numbers where all are.

    Raises:
        BadMolecule: a record is no molecule; the text says which.
        ImportError: RDKit is not installed.
    """
    chem = _rdkit()
    records = list(chem.SDMolSupplier(str(path)))
    for place, molecule in enumerate(records, start=1):
        if molecule is None:
            raise BadMolecule(f"{path}, record {place}: this is no molecule; mend the record, or take it out")
    titles = [molecule.GetProp("_Name") if molecule.HasProp("_Name") else "" for molecule in records]
    names = titles if all(titles) and len(set(titles)) == len(titles) else [f"m{i + 1}" for i in range(len(records))]
    atoms = [(row, atom) for row, molecule in enumerate(records) for atom in molecule.GetAtoms()]
    first = np.cumsum([0, *(molecule.GetNumAtoms() for molecule in records)])
    bonds = [(row, bond) for row, molecule in enumerate(records) for bond in molecule.GetBonds()]
    made = [[a.GetAtomicNum(), a.GetFormalCharge(), a.GetTotalNumHs(), a.GetIsAromatic()] for _, a in atoms]
    atom_values = np.array(made, dtype=np.float32).reshape(-1, len(ATOM_FEATURES))
    orders = np.array([bond.GetBondTypeAsDouble() for _, bond in bonds], dtype=np.float32)
    items = [molecule.GetPropsAsDict(includePrivate=False, includeComputed=False) for molecule in records]
    keys = dict.fromkeys(key for item in items for key in item)
    numbers = [key for key in keys if key != target and _numeric(items, key)]
    learned = Supervision()
    if target is not None:
        found = _labels([item.get(target) for item in items])
        learned.add(MOLECULE, found, target, len(records))
    edges: dict[EdgeType, EdgeList] = {
        HAS: edge_list([row for row, _ in atoms], np.arange(len(atoms))),
        BOND: edge_list(
            [first[row] + bond.GetBeginAtomIdx() for row, bond in bonds],
            [first[row] + bond.GetEndAtomIdx() for row, bond in bonds],
        ),
    }
    return GraphData(
        node_ids={MOLECULE: names, ATOM: [f"{names[row]}/{atom.GetIdx() + 1}" for row, atom in atoms]},
        num_nodes={MOLECULE: len(records), ATOM: len(atoms)},
        edges=edges,
        features={
            MOLECULE: {key: columns([item[key] for item in items]) for key in numbers},
            ATOM: {name: columns(atom_values[:, i]) for i, name in enumerate(ATOM_FEATURES)},
        },
        edge_features={BOND: {"order": columns(orders)}},
        labels=learned.labels,
        splits=learned.splits,
    )


def to_sdf(graph: GraphData, path: Path) -> None:
    """Write the molecules of a graph as ``from_sdf`` gives it.

    Hydrogens that are no vertices, positions of atoms and texts among the data items have no place in such a graph:
    hydrogens follow from the valences, positions are zero.

    Raises:
        ImportError: RDKit is not installed.
    """
    chem = _rdkit()
    molecule_of = np.empty(graph.num_nodes[ATOM], dtype=np.int64)
    molecule_of[graph.edges[HAS].target] = graph.edges[HAS].source
    first = np.searchsorted(molecule_of, np.arange(graph.num_nodes[MOLECULE]))
    made = [chem.RWMol() for _ in range(graph.num_nodes[MOLECULE])]
    features = {name: np.asarray(graph.features[ATOM][name])[:, 0] for name in ATOM_FEATURES}
    for row, number, charge in zip(molecule_of.tolist(), features["number"], features["charge"], strict=True):
        atom = chem.Atom(int(number))
        atom.SetFormalCharge(int(charge))
        made[row].AddAtom(atom)
    kind = chem.BondType
    kinds = {1.0: kind.SINGLE, 2.0: kind.DOUBLE, 3.0: kind.TRIPLE, AROMATIC: kind.AROMATIC}
    bonds, orders = graph.edges[BOND], np.asarray(graph.edge_features[BOND]["order"])[:, 0]
    for source, target, order in zip(bonds.source.tolist(), bonds.target.tolist(), orders.tolist(), strict=True):
        row = molecule_of[source]
        made[row].AddBond(int(source - first[row]), int(target - first[row]), kinds[order])
        if order == AROMATIC:
            for atom in (source, target):
                made[row].GetAtomWithIdx(int(atom - first[row])).SetIsAromatic(True)
    with chem.SDWriter(str(path)) as writer:
        for row, molecule in enumerate(made):
            finished = molecule.GetMol()
            chem.SanitizeMol(finished)
            finished.SetProp("_Name", graph.node_ids[MOLECULE][row])
            for key, values in graph.features.get(MOLECULE, {}).items():
                finished.SetDoubleProp(key, float(values[row, 0]))
            for target_, labels in graph.labels.items():
                if target_.type == MOLECULE and labels.known[row]:
                    value = labels.values[row]
                    text = labels.classes[int(value)] if labels.kind == "class" else repr(float(value))
                    finished.SetProp(target_.property_name, text)
            writer.write(finished)


def _rdkit() -> Any:
    try:
        from rdkit import Chem
    except ImportError as error:
        raise ImportError("SDF files are read by RDKit: pip install 'despina[sdf]'") from error
    return Chem


def _numeric(items: list[dict[str, Any]], key: str) -> bool:
    return all(isinstance(item.get(key), int | float) for item in items)


def _labels(values: list[Any]) -> Labels:
    known = [value for value in values if value is not None]
    if known and all(isinstance(value, float) for value in known):
        return labels_of(np.array([np.nan if value is None else value for value in values], dtype=np.float32))
    classes = sorted({str(value) for value in known})
    codes = {text: code for code, text in enumerate(classes)}
    numbered = [-1 if value is None else codes[str(value)] for value in values]
    return labels_of(np.array(numbered, dtype=np.int64), classes)
