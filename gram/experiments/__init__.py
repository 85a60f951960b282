"""Experiments: claims on GRAM put to the test on the spoken numbers, with one training loop for all models.

An experiment is a module, of this package, of an installed one or named in `GRAM_PLUGINS`, that declares

- `NAME`, `TITLE`, `ORDER`: its name, its heading, its place in the list;
- `CLAIM`: what was claimed, and by whom (`claim.Claim`);
- `runs(budget)`: what it trains, as `config.RunConfig`; runs are shared between experiments;
- `table(outcomes)`: its tidy table (see `table`), of the outcome of each run;
- `finding(table)`, `headline(table)`: one sentence computed from the table, in full and in short;
- `figure(table, dark=False)`: its plotly figure (see `chart`).

The command line, the pages and the report find it by that. Runs are trained once (`run`), within one of three budgets
(`config.BUDGETS`); `run_experiment` keeps a table as Parquet, `load` reads it.

>>> from gram import experiments
>>> list(experiments.EXPERIMENTS)[:3]
['losses-and-measures', 'modalities', 'volume-as-metric']
"""

from gram.experiments.config import BUDGETS, Budget, RunConfig
from gram.experiments.registry import EXPERIMENTS
from gram.experiments.results import EVIDENCE, load
from gram.experiments.run import Workspace, expected_seconds, outcomes, outstanding, planned, run_experiment

__all__ = [
    "BUDGETS",
    "EVIDENCE",
    "EXPERIMENTS",
    "Budget",
    "RunConfig",
    "Workspace",
    "expected_seconds",
    "load",
    "outcomes",
    "outstanding",
    "planned",
    "run_experiment",
]
