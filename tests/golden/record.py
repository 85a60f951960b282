"""Write the golden values anew: `python -m tests.golden.record [subject ...]`.

Run it by hand, only where a behaviour is meant to change, and read the difference before it is committed.
"""

import sys

from tests.golden.compare import file_of, plain, text_of
from tests.golden.compute import SUBJECTS, load_sets


def main(names: list[str]) -> None:
    """Compute the named subjects, all by default, and write their files."""
    sets = load_sets()
    for name in names or SUBJECTS:
        file = file_of(name)
        file.parent.mkdir(exist_ok=True)
        file.write_text(text_of(plain(SUBJECTS[name](sets))) + "\n", encoding="utf-8")
        print(f"{file.name}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
