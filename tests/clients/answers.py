"""An answer's document as a tree, and a tree as lines: `vpcSet.1.cidrBlock=10.0.0.0/16`, as EC2's requests are written.

What is different with every request, the request's id, is left out. A device file, which is a document in a document,
is taken apart with the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias
from xml.etree import ElementTree

Tree: TypeAlias = "str | dict[str, Tree] | list[Tree]"
"""A text (of an empty element: the empty one), elements by name, or the items of a list."""

_REQUEST_IDS = {"requestId", "RequestID", "RequestId"}


def read(document: bytes) -> tuple[str, Tree]:
    """The root's name and what is in it; of an error the code, and nothing more: sentences are for people."""
    root = ElementTree.fromstring(document)
    code = root.find(".//{*}Code") if _name(root) in ("Response", "ErrorResponse") else None
    return (code.text or "", "") if code is not None else (_name(root), _tree(root))


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _tree(element: ElementTree.Element) -> Tree:
    children = [child for child in element if _name(child) not in _REQUEST_IDS]
    if not children:
        text = element.text or ""
        return _tree(ElementTree.fromstring(text.encode())) if text.startswith("<?xml ") else text
    if {_name(child) for child in children} == {"item"}:
        return [_tree(child) for child in children]
    tree: dict[str, Tree] = {f"@{name}": value for name, value in element.attrib.items()}
    for child in children:
        named = [_tree(other) for other in children if _name(other) == _name(child)]
        tree[_name(child)] = named if len(named) > 1 else named[0]
    return tree


def lines(tree: Tree, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text with the path that leads to it, in the document's order."""
    if isinstance(tree, str):
        if path or tree:
            yield path, tree
        return
    parts = tree.items() if isinstance(tree, dict) else ((str(number), item) for number, item in enumerate(tree, 1))
    for name, part in parts:
        yield from lines(part, f"{path}.{name}" if path else name)


def from_lines(pairs: Iterable[tuple[str, str]]) -> Tree:
    """The tree that these lines are of."""
    root: dict[str, Tree] = {}
    for path, text in pairs:
        *parents, last = path.split(".")
        place = root
        for name in parents:
            below = place.setdefault(name, {})
            assert isinstance(below, dict), f"{path} leads through a text"
            place = below
        place[last] = text
    return _listed(root) if root else ""


def _listed(tree: Tree) -> Tree:
    if not isinstance(tree, dict):
        return tree
    below = {name: _listed(part) for name, part in tree.items()}
    return list(below.values()) if all(name.isdigit() for name in below) else below
