"""`python -m gram.projection SET OUT`: compute the layouts that ship with an embedding set."""

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from gram.errors import GramError
from gram.projection.fit import write_layouts


def main(arguments: list[str] | None = None) -> int:
    """Write every layout of a set; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m gram.projection",
        description="Place a set's embeddings by UMAP and PCA, in two and three dimensions, and write the layouts.",
    )
    parser.add_argument("set_dir", metavar="SET", type=Path, help="folder of an embedding set")
    parser.add_argument("out_dir", metavar="OUT", type=Path, help="folder to write to: `layouts` beside SET")
    parser.add_argument("--seed", type=int, default=0, help="UMAP's seed (default: %(default)s)")
    options = parser.parse_args(arguments)
    with tqdm(total=1.0, bar_format="{percentage:3.0f} %|{bar}| {desc} [{elapsed}]", dynamic_ncols=True) as bar:

        def show(name: str, share: float, stage: str) -> None:
            bar.n = share
            bar.set_description_str(f"{name}: {stage}")

        try:
            written = write_layouts(options.set_dir, options.out_dir, seed=options.seed, progress=show)
        except GramError as error:
            bar.close()
            print(f"error: {error}", file=sys.stderr)
            return 1
    for path in written:
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
