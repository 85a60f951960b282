"""CSV: separators, and text that looks like numbers."""

import pytest

from gram.data.importers import inspect, read


@pytest.mark.parametrize(("name", "separator"), [("a.csv", ","), ("b.csv", ";"), ("c.tsv", "\t")])
def test_ids_keep_their_zeros_whatever_separates_them(name, separator, tmp_path):
    lines = [["id", "seen", "text_0", "text_1"], ["007", "true", "1.5", "2"], ["042", "false", "3", "4e-1"]]
    (tmp_path / name).write_text("\n".join(map(separator.join, lines)))
    features = read(inspect(tmp_path / name))
    assert features.items["id"].tolist() == ["007", "042"]
    assert features.items["seen"].tolist() == [True, False]
    assert features.modalities["text"].flatten().tolist() == pytest.approx([1.5, 2, 3, 0.4])
