"""Links between documents lead somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from documents import ROOT, anchors, documents, links


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_inside_the_project_lead_to_what_is_there(document: Path) -> None:
    for link in links(document.read_text()):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        assert target.exists(), f"{document.name} links to {link}, which is not there"
        assert target.is_relative_to(ROOT), f"{document.name} links to {link}, outside the project"
        if anchor:
            assert anchor in anchors(target.read_text()), f"{document.name} links to {link}; there is no such heading"


def test_the_index_lists_every_document() -> None:
    index = ROOT / "docs" / "README.md"
    listed = {(index.parent / link.partition("#")[0]).resolve() for link in links(index.read_text())}
    assert set(documents()) - listed == {index}
