"""The README's table of findings."""

import pytest

from gram.experiments import EXPERIMENTS
from gram.experiments.report import findings_table, main

pytestmark = pytest.mark.timeout(900)


def test_the_readme_gets_the_findings_of_all_results(quick, tmp_path, capsys):
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- evidence: begin -->\nLAST YEAR\n<!-- evidence: end -->\nafter\n")
    assert main(["--evidence", str(quick.out), "--readme", str(page)]) == 0
    written = page.read_text()
    assert "LAST YEAR" not in written
    assert written.startswith("before\n")
    assert written.endswith("after\n")
    for module in EXPERIMENTS.values():
        table = quick.frame(module.NAME)
        assert f"\n| {module.TITLE} | {module.headline(table)} |\n" in written
        assert f"\n- **{module.TITLE}.** {module.finding(table)}\n" in written
    assert findings_table(quick.out) in written
    assert "scale quick" in written


def test_a_result_that_is_missing_changes_nothing(quick, tmp_path, capsys):
    page = tmp_path / "README.md"
    page.write_text("<!-- evidence: begin -->\nLAST YEAR\n<!-- evidence: end -->")
    assert main(["--evidence", str(tmp_path), "--readme", str(page)]) == 1
    assert "no result here" in capsys.readouterr().err
    assert "LAST YEAR" in page.read_text()
