"""Your data: from files of embeddings to an open set, with every guess to see and to correct."""

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.uploaded_file_manager import UploadedFile

from app.data import collections, uploads
from app.state import alignment, selection
from app.text import escape_markdown
from app.views.your_data import reading, roles
from app.views.your_data.close_button import closing
from app.views.your_data.session_file import Kept
from gram.data.importers import ColumnRoles, RowError, suffixes
from gram.errors import GramError

_FROM = {"computer": "This computer", "folder": "The data folder", "example": "An example"}
_FILES = "your_data_files"
_MOST_FAULTS = 300  # as many as are told; there may be more, so leaving these rows out need not help


def render() -> None:
    """Show the page."""
    reading.prepare()
    st.title("Your data")
    st.markdown(
        "Open embeddings of your own: one row an item, one column or file a modality. Try **An example**, or give "
        "files and press **Open** once the guesses below them are right. They are seen by this session alone: loading "
        "the page anew forgets them."
    )
    source = _source()
    if fault := st.session_state.pop(reading.FAULT, None):
        st.error(escape_markdown(fault))
    kept = reading.current()
    if kept is not None and source is not None:
        _found(kept)
    _opened_here()


# choosing


def _source() -> str | None:
    """Show where the files come from, and look into what is chosen; return the choice."""
    offered = [name for name in _FROM if name != "folder" or collections.data_folder()]
    choice = st.segmented_control(
        "From", offered, format_func=_FROM.__getitem__, default=offered[0], required=True, key="your_data_from",
        on_change=reading.forget,
    )  # fmt: skip
    if choice == "computer":
        _from_computer()
    elif choice == "folder":
        _from_folder()
    else:
        _from_example()
    return choice


def _from_computer() -> None:
    whole = st.toggle("A whole folder", key="your_data_folder", help="Such as a data set as `datasets` saves it")
    files = st.file_uploader(
        f"{'A folder' if whole else 'One file, or one a modality'}: {' '.join(suffixes())}",
        accept_multiple_files="directory" if whole else True,
        key=f"{_FILES}_{whole}",
        help="One row an item. Beside arrays, a table of the items (id, label, split, ...) may be given. Nothing in "
        "the files is run. They are seen by this session alone, and removed with it.",
    )
    _follow(files or [])


def _follow(files: Sequence[UploadedFile]) -> None:
    """Look into the files that were given, once."""
    named = tuple(file.file_id for file in files)
    if named != st.session_state.get(_FILES, ()):
        st.session_state[_FILES] = named
        if files:
            reading.look_at(lambda: uploads.store(files), title=_title(files), uploaded=True)
        else:
            reading.forget()


def _title(files: Sequence[UploadedFile]) -> str:
    first = Path(files[0].name)
    if len(files) == 1:
        return first.stem
    if len(first.parts) > 1:
        return first.parts[0]
    stems = [Path(file.name).stem for file in files]
    arrays = [Path(file.name).stem for file in files if file.name.lower().endswith(".npy")] or stems
    return ", ".join(arrays) if len(arrays) < 4 else f"{', '.join(arrays[:2])} and {len(arrays) - 2:,} more"


def _from_folder() -> None:
    known = {each.key: each for each in collections.below_data_folder()}
    others = reading.below_data_folder()
    if not known and not others:
        st.info("There are no embeddings below the data folder yet: put some there, and load this page anew.")
        return
    row = st.container(horizontal=True, vertical_alignment="bottom")
    choice = row.selectbox(
        "Set, file or folder of files", [*known, *others], key="your_data_path", width=420, on_change=reading.forget
    )
    if choice in known:
        row.button("Open", type="primary", on_click=_show_known, args=(choice,), key="your_data_open_folder")
        reading.forget()
    elif row.button("Look into it", type="primary", key="your_data_look") and choice is not None:
        reading.look_at(lambda: others[choice], title=Path(choice).stem, uploaded=False)


def _from_example() -> None:
    st.markdown(
        "Five views of 1,797 handwritten digits (UCI, as in scikit-learn): 64 pixels, 16 of their cosine transform, 16 "
        "sums of rows and columns, 6 principal components, 240 random Fourier features. Each has a size and a scale of "
        "its own, so they are aligned first."
    )
    st.button("Open the five views", type="primary", on_click=_open_example, key="your_data_example")


def _open_example() -> None:
    try:
        found = alignment.open_example()
    except GramError as error:
        st.session_state[reading.FAULT] = str(error)
        return
    _align(found.key)


# what was found


def _found(kept: Kept) -> None:
    found = kept.found
    st.subheader(escape_markdown(kept.title), anchor=False)
    st.markdown(f"{escape_markdown(found.format)}, {found.n:,} items.")
    for note in found.notes:
        st.caption(escape_markdown(note))
    edited = roles.show(found, key=f"your_data_roles_{kept.key}")
    try:
        names = list(roles.plan_of(found, edited, None).modalities)
        usual = found.roles.anchor if found.roles.anchor in names else names[0]
        anchor = st.selectbox(
            "Anchor",
            names,
            index=names.index(usual),
            key=f"your_data_anchor_{kept.key}",
            width=240,
            help="The modality that asks; the others make up the candidates",
        )
        plan = roles.plan_of(found, edited, anchor)
        faults = reading.faults(kept, plan)
    except GramError as error:
        st.warning(escape_markdown(error))
        return
    bad = {fault.row for fault in faults if fault.row is not None}
    if faults:
        _faults(faults, found.n)
        if any(fault.row is None for fault in faults) or len(bad) == found.n or len(faults) >= _MOST_FAULTS:
            return
    sizes = set(reading.sizes(found, plan).values())
    aligned = len(sizes) == 1
    without = f" without {len(bad):,} of {found.n:,} rows" if bad else ""
    if not aligned:
        st.caption(
            f"These modalities have from {min(sizes):,} to {max(sizes):,} dimensions, so they share no space yet: "
            "**Align first** trains a head for each that takes it into one, and then they can be explored."
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if aligned:
            st.button(
                f"Open{without}", type="primary", on_click=_open, args=(kept, plan, bad, True), key="your_data_open"
            )
        st.button(
            f"Align first{without}",
            type="secondary" if aligned else "primary",
            on_click=_open,
            args=(kept, plan, bad, False),
            key="your_data_align",
            help="Train a head for each modality that takes it into one space. For vectors of encoders that were not "
            "trained together, whatever their sizes.",
        )


def _faults(faults: Sequence[RowError], n: int) -> None:
    rows = len({fault.row for fault in faults if fault.row is not None})
    where = "one row" if rows == 1 else f"{rows:,} rows" if rows else "the columns"
    st.warning(
        f"Something is wrong in {where}, listed below. Correct the file and give it again, use other columns"
        f"{', or go on without these rows' if 0 < rows < n else ''}."
    )
    st.dataframe(
        {
            "row": [fault.row for fault in faults],
            "id": [str(fault.id) for fault in faults],
            "what": [fault.what for fault in faults],
        },
        width="stretch",
        hide_index=True,
        column_config={"row": st.column_config.NumberColumn("row (from 0)", width=84)},
    )


def _open(kept: Kept, plan: ColumnRoles, without: Collection[int], aligned: bool) -> None:
    """Take the vectors over, as one space or to be aligned, and go on with them."""
    try:
        if aligned:
            key = reading.open_set(kept, plan, without).key
            if not _show(key):
                collections.remove(key)
        else:
            _align(reading.open_features(kept, plan, without).key)
    except GramError as error:
        st.session_state[reading.FAULT] = str(error)


def _show(key: str) -> bool:
    """Open a collection and go to its first picture; return whether that was possible."""
    try:
        selection.open_collection(key)
    except GramError as error:
        st.session_state[reading.FAULT] = reading.without_paths(str(error))
        return False
    st.session_state[reading.GO] = "geometry"
    return True


def _show_known(key: str) -> None:
    """Open a collection, as a callback does."""
    _show(key)


def _align(key: str) -> None:
    st.session_state["align_features"] = key
    st.session_state[reading.GO] = "align"


# what is open


def _opened_here() -> None:
    """List the collections of this session, with what can be done with each."""
    if page := st.session_state.pop(reading.GO, None):
        st.switch_page(selection.page(page), query_params=selection.current().as_query())
    own, features = collections.collections()[1:], collections.features()
    if not own and not features:
        return
    st.subheader("Open in this session", anchor=False)
    for collection in own:
        said, buttons = _row()
        here = " (now shown)" if collection.key == selection.current().set else ""
        models = f"models {', '.join(collection.names)}; " if len(collection.names) > 1 else ""
        alone = "of this session alone" if collection.private else "from the data folder"
        said.markdown(f"**{escape_markdown(collection.title)}**{here}: {escape_markdown(models)}{alone}")
        buttons.button("Show", on_click=_show_known, args=(collection.key,), key=f"show_{collection.key}")
        with buttons.popover("Export"):
            for variant in collection.variants:
                name = f"-{variant.name}" if len(collection.variants) > 1 else ""
                for kind in ("parquet", "npz", "safetensors"):
                    st.download_button(
                        escape_markdown(f"{name[1:]}.{kind}"),
                        partial(reading.exported, variant, kind),
                        f"{collection.title}{name}.{kind}",
                        on_click="ignore",
                        key=f"export_{collection.key}_{variant.name}_{kind}",
                    )
        buttons.button(
            "Close",
            on_click=_close,
            args=(collection.key,),
            key=f"close_{collection.key}",
            help="Its files here are removed" if collection.private else "Its files in the data folder stay",
        )
    for key, each in features.items():
        said, buttons = _row()
        said.markdown(f"**{escape_markdown(each.title)}**: features to be aligned; of this session alone")
        buttons.button("Align", on_click=_align, args=(key,), key=f"align_{key}")
        with buttons:
            closing(key)


def _row() -> tuple[DeltaGenerator, DeltaGenerator]:
    """Return where a line says what is open, and a row of buttons beside it; on a phone they are below it."""
    said, buttons = st.columns([3, 2], vertical_alignment="center")
    return said, buttons.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center")


def _close(key: str) -> None:
    if selection.current().set == key:
        selection.open_collection(collections.BUILT_IN)
    collections.remove(key)
