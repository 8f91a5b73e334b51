"""Columns: rows that are alike, words, depths and what is reached, as Python's own sets tell it."""

import numpy as np
import pytest

from taylorad.ode.tracing.columns import NONE, depths, named, reached, stretches, words


@pytest.mark.parametrize("count", [0, 1, 30, 3000])  # few rows, and many
@pytest.mark.parametrize("span", [3, 2**40])  # what fits into one number, and what does not
def test_rows_are_numbered_as_they_come(count, span):
    rng = np.random.default_rng(count)
    values = rng.integers(-span, span, 5)
    columns = [values[rng.integers(0, 5, count)] for _ in range(3)]
    columns += [rng.integers(0, 2, count) > 0, np.array([0.0, -0.0, 1.5, np.nan])[columns[0] % 4]]
    places, numbers = named(*columns)
    rows = [*zip(*(np.nan_to_num(x, nan=9.0).tolist() for x in columns))]
    found = dict.fromkeys(rows)
    assert [rows[k] for k in places] == [*found]
    assert [[*found][k] for k in numbers] == rows


def test_stretches_follow_one_another():
    assert stretches(np.array([5, 0, 7]), np.array([2, 0, 3])).tolist() == [5, 6, 7, 8, 9]
    assert stretches(np.array([], int), np.array([], int)).tolist() == []


def test_words_are_the_same_letters_in_the_same_order():
    texts = ["ab", "", "ba", "ab", "abc", "a", "", "a"]
    nodes = [k for k, text in enumerate(texts) for _ in text]
    numbers = words(np.array(nodes), np.array([*map(ord, "".join(texts))]), len(texts)).tolist()
    for a, x in zip(texts, numbers):
        for b, y in zip(texts, numbers):
            assert (a == b) == (x == y)


def test_depths_and_what_is_reached():
    rng = np.random.default_rng(1)
    needs = [
        rng.integers(0, line, rng.integers(0, 4)).tolist() if line else [] for line in range(60)
    ]
    deep, below = [], [{*lines} for lines in needs]
    for line, lines in enumerate(needs):
        deep.append(1 + max(deep[i] for i in lines) if lines else 0)
        below[line] = {line}.union(*(below[i] for i in lines))
    of = np.array([line for line, lines in enumerate(needs) for _ in lines])
    on = np.array([i for lines in needs for i in lines])
    assert depths(60, of, on).tolist() == deep
    table = np.full((61, 3), NONE)
    for line, lines in enumerate(needs):
        table[line, : len(lines)] = lines
    found = reached(60, np.array([59, 31]), lambda lines: table[lines].ravel())
    assert {*np.flatnonzero(found).tolist()} == below[59] | below[31]
