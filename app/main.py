"""The explorer's entry script: `streamlit run app/main.py`."""

import argparse
import os
import sys
from pathlib import Path

import streamlit as st

ROOT = str(Path(__file__).parents[1])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)  # Streamlit puts this file's folder on the path, not the project's

from app import session, theme  # noqa: E402  (the path comes first)
from app.views import align, evidence, failures, geometry, projection, retrieval, volumes, your_data  # noqa: E402  (likewise)

st.set_page_config(page_title="GRAM", page_icon=str(Path(__file__).with_name("icon.svg")), layout="wide")

arguments = argparse.ArgumentParser(prog="streamlit run app/main.py --")
arguments.add_argument("--data-dir", help="the folder whose sets may be opened (also $GRAM_DATA_DIR)")
arguments.add_argument("--milvus", help="the Milvus that Retrieval may search (also $GRAM_MILVUS_URI, _TOKEN)")
given = arguments.parse_known_args()[0]
for variable, value in (("GRAM_DATA_DIR", given.data_dir), ("GRAM_MILVUS_URI", given.milvus)):
    if value is not None:
        os.environ[variable] = value

pages = {
    "geometry": st.Page(geometry.render, title="Geometry", url_path="geometry"),
    "volumes": st.Page(volumes.render, title="Volumes", url_path="volumes"),
    "projection": st.Page(projection.render, title="Projection", url_path="projection"),
    "retrieval": st.Page(retrieval.render, title="Retrieval", url_path="retrieval"),
    "failures": st.Page(failures.render, title="Failures", url_path="failures"),
    "evidence": st.Page(evidence.render, title="Evidence", url_path="evidence"),
    "your-data": st.Page(your_data.render, title="Your data", url_path="your-data"),
    "align": st.Page(align.render, title="Align", url_path="align"),
}


def _home() -> None:
    st.switch_page(pages["geometry"], query_params=dict(st.query_params))


home = st.Page(_home, title="GRAM", default=True, visibility="hidden")
chosen = st.navigation([home, *pages.values()], position="top")
if chosen is not home:
    theme.apply()
    session.start(pages)
chosen.run()
