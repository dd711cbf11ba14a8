"""The confusion matrix and the pairs of the benchmark, in small."""

import importlib.util
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("benchmark", Path(__file__).parents[2] / "benchmarks" / "marking.py")
benchmark = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(benchmark)


@pytest.mark.parametrize("code", benchmark.CODES)
def test_a_single_mistake_is_named_in_random_networks(code):
    counts = benchmark.singles(2, seed=7, codes=[code])[code]
    assert counts[code] + counts["(among several)"] == 2, counts
    assert not counts["(CALLED CORRECT)"]


def test_right_gradients_of_random_networks_are_right():
    assert set(benchmark.right(24, seed=8)) <= {"right", "right within float32", "right but for a kink"}


def test_pairs_of_mistakes_are_named_in_random_networks():
    counts, missed = benchmark.pairs(1, seed=9, every=40)
    assert counts["first"] > 8
    assert not counts["CALLED CORRECT"]
    assert not missed


def test_the_matrix_can_be_drawn(tmp_path):
    matrix = benchmark.singles(1, seed=7, codes=["factor", "sign-flipped"])
    benchmark.draw(matrix, tmp_path / "matrix.svg")
    assert (tmp_path / "matrix.svg").stat().st_size > 1000
