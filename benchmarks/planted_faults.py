"""How often `gram.diagnostics.diagnose` names a planted fault, and how often it stays silent on a clean set.

Every row is one kind of set from `gram.diagnostics.make_faulty_set`, drawn from seeds in a row: n, k, d,
noise, classes, modality gap and the strength of the fault all vary; the ranges are in that module. The columns:

- named: the fault's cause is among the findings, with the modality that has it among the finding's modalities;
- worst: and it is the first of them;
- also: what else was said, how often; a fault has consequences, so this need not be wrong;
- for clean sets, silent: no finding at all. Noisy sets have hubs under volume by themselves: they are asked by cosine.

Thresholds were chosen on seeds from 1000 up; the rates to report are those of seeds 0 to 99, the default.

    python benchmarks/planted_faults.py [--draws 100] [--first 0] [--faults hubs,noise] [--verbose]
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from _rows import FLAG, Row, tell

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gram.diagnostics import Diagnosis, diagnose, make_faulty_set, plantable_faults
from gram.diagnostics.dataset.synthetic import NOISY, NONE

AIM = 0.95
MEASURES = {NOISY: "cosine"}


def names(diagnosis: Diagnosis, fault: str, modalities: list[str]) -> bool:
    found = [finding for finding in diagnosis.findings if finding.cause == fault]
    anywhere = fault in ("hubs", "duplicates")  # these are faults of items
    return any(anywhere or set(modalities) <= set(finding.modalities) for finding in found)


def measure(fault: str, seeds: range, *, verbose: bool) -> tuple[int, int, Counter[str], float]:
    good, worst, also, started = 0, 0, Counter[str](), time.perf_counter()
    for seed in seeds:
        planted = make_faulty_set(fault, seed=seed)
        diagnosis = diagnose(planted, measure=MEASURES.get(fault, "volume"))
        causes = [finding.cause for finding in diagnosis.findings]
        clean = fault in (NONE, NOISY)
        right = not causes if clean else names(diagnosis, fault, planted.info["planted"]["modalities"])
        good += right
        worst += bool(causes) and causes[0] == fault
        also.update({cause for cause in causes if cause != fault})
        if verbose and not right:
            shown = {key: value for key, value in planted.info["planted"].items() if key != "items"}
            print(f"  seed {seed}: {planted!r} {shown} R@1 {diagnosis.recall:.3f}: {causes or 'silent'}", flush=True)
    return good, worst, also, (time.perf_counter() - started) / len(seeds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--faults", default=",".join((*plantable_faults(), NONE, NOISY)), help="kinds, with commas")
    parser.add_argument("--verbose", action="store_true", help="show the sets that were judged wrongly")
    parser.add_argument(FLAG, action="store_true", help="print the rows as JSON")
    options = parser.parse_args()
    missed = any(row.met is False for row in tell(lambda: rows(options), options.json))
    return int(missed and not options.json)


def rows(options: argparse.Namespace) -> Iterator[Row]:
    seeds, missed = range(options.first, options.first + options.draws), False
    print(f"seeds {seeds.start} to {seeds.stop - 1}")
    print(f"{'set':<12}{'named or silent':>17}{'worst':>8}{'s a set':>9}  also")
    for fault in options.faults.split(","):
        good, worst, also, seconds = measure(fault, seeds, verbose=options.verbose)
        first = "" if fault in (NONE, NOISY) else str(worst)
        others = ", ".join(f"{cause} {count}" for cause, count in also.most_common())
        print(f"{fault:<12}{f'{good} of {len(seeds)}':>17}{first:>8}{seconds:>9.2f}  {others}", flush=True)
        missed |= good < AIM * len(seeds)
        what = f"{fault}: silent" if fault in (NONE, NOISY) else f"{fault}: named"
        yield Row(what, f"{good / len(seeds):.0%} of {len(seeds)}", f"at least {AIM:.0%}", good >= AIM * len(seeds))
    print(f"aim: {AIM:.0%} each{', MISSED' if missed else ''}")


if __name__ == "__main__":
    raise SystemExit(main())
