"""`python -m gram.experiments.report`: write the README's table of findings from the results under assets/evidence."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gram.errors import GramError
from gram.experiments.registry import EXPERIMENTS
from gram.experiments.results import EVIDENCE, load
from gram.training.spoken_numbers.report import splice

README = Path(__file__).parents[2] / "README.md"
_SCALES = {"cpu": "small encoders and few steps, for two cores", "full": "the shipped encoders and steps, for a GPU"}


def findings_table(folder: Path = EVIDENCE) -> str:
    """Return the findings of all results in a folder as a Markdown table, with their provenance."""
    results = [(experiment, *load(name, folder)) for name, experiment in EXPERIMENTS.items()]
    short = [f"| {experiment.TITLE} | {experiment.headline(table)} |" for experiment, table, _ in results]
    full = [f"- **{experiment.TITLE}.** {experiment.finding(table)}" for experiment, table, _ in results]
    made = sorted({(facts["scale"], facts["device"], facts["commit"][:7]) for *_, facts in results})
    told = "; ".join(
        f"scale {scale} ({_SCALES.get(scale, scale)}), {device}, commit {commit}" for scale, device, commit in made
    )
    return "\n".join(
        [
            "| experiment | what was found, in short |",
            "|---|---|",
            *short,
            "",
            "<details><summary>The findings with their intervals</summary>",
            "",
            *full,
            "",
            "</details>",
            "",
            f"Made by `gram experiment all`: {told}.",
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description="Write the README's table of findings.")
    parser.add_argument("--evidence", type=Path, default=EVIDENCE, help="folder of the results (default: %(default)s)")
    parser.add_argument("--readme", type=Path, default=README, help="default: %(default)s")
    arguments = parser.parse_args(argv)
    try:
        table = findings_table(arguments.evidence)
        arguments.readme.write_text(splice(arguments.readme.read_text(), table, mark="evidence"))
    except (GramError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
