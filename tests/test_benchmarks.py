"""The benchmarks run, and what they compare is equal; no time is judged."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def table(*command: str) -> list[list[str]]:
    """Returns the cells of the Markdown table that a program prints, without its header."""
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, cwd=ROOT, check=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.slow
def test_id_mrf_by_blocks_beside_dense():
    options = ["--sides", "8", "--channels", "4", "--repeats", "1", "--rounds", "1"]
    rows = table("benchmarks.id_mrf", *options)
    assert [row[:2] for row in rows] == [["paper", "8 x 8"], ["release", "8 x 8"]]
    assert all(float(row[-1]) < 1e-5 for row in rows)


@pytest.mark.slow
def test_the_data_pipeline():
    rows = table("benchmarks.data", "--seconds", "0.2")
    assert [row[1:3] for row in rows[:4]] == [["1", "0"], ["2", "0"], ["4", "0"], ["1", "2"]]
    assert len({row[0] for row in rows}) == 3
    assert all(float(row[3].replace(",", "")) > 0 for row in rows)


@pytest.mark.slow
def test_the_systems_of_figure_8():
    rows = table("benchmarks.figure8", "--repeats", "1")
    assert {row[1].strip("`"): row[2] for row in rows} == {
        "fig8_ca": "3,601,542",
        "fig8_ed": "5,779,459",
        "fig8_srn_hr": "11,087,235",
        "fig8_srn": "11,234,947",
    }
