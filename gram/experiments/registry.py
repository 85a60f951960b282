"""The experiments, found by what their modules declare."""

from gram.core.module_registry import ModuleRegistry

EXPERIMENTS = ModuleRegistry(
    "experiment", "gram.experiments", marker="CLAIM",
    required=("TITLE", "ORDER", "runs", "table", "finding", "headline", "figure"),
)  # fmt: skip
