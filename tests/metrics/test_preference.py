"""Strengths of preference against formulas for two versions, and against invented people whose preferences are known."""

import json

import numpy as np
import pytest

from colorlib.metrics.preference import Answer, bradley_terry, read_answers
from colorlib.system.errors import DataError


def answers(counts):
    return [Answer("cat", better, worse) for (better, worse), number in counts.items() for _ in range(number)]


def test_two_versions_have_the_log_odds_of_their_answers():
    """The difference of strengths is log(30.5 / 10.5), its variance 1 / 30.5 + 1 / 10.5: half an answer is added to each side."""
    first, second = bradley_terry(answers({("vivid", "gray"): 30, ("gray", "vivid"): 10}))
    assert (first.version, second.version) == ("vivid", "gray")
    assert first.strength - second.strength == pytest.approx(np.log(30.5 / 10.5), rel=1e-3)
    # Each strength is plus or minus half of the difference, and so is its error.
    assert first.high - first.strength == pytest.approx(1.96 * np.sqrt(1 / 30.5 + 1 / 10.5) / 2, rel=0.01)
    assert (first.wins, first.comparisons, second.wins) == (30, 40, 10)


def test_known_strengths_are_found_and_the_intervals_hold_them():
    random, true = np.random.default_rng(0), {"truth": 1.0, "vivid": 0.5, "careful": -0.2, "gray": -1.3}
    held = []
    for _ in range(60):
        given = []
        for _ in range(300):
            a, b = random.choice(list(true), 2, replace=False)
            a_wins = random.random() < 1 / (1 + np.exp(true[b] - true[a]))
            given.append(Answer("dog", *((a, b) if a_wins else (b, a))))
        held += [row.low < true[row.version] < row.high for row in bradley_terry(given)]
    assert [row.version for row in bradley_terry(given)] == list(true)
    assert 0.9 < np.mean(held) <= 0.99, "95 of 100 intervals hold the truth"


def test_a_version_that_always_wins_has_a_finite_strength():
    first, second = bradley_terry(answers({("truth", "gray"): 20}))
    assert first.strength - second.strength == pytest.approx(np.log(20.5 / 0.5), rel=1e-3)


def test_versions_that_were_never_compared_are_named():
    with pytest.raises(DataError, match="c, d and a were never compared"):
        bradley_terry(answers({("a", "b"): 3, ("c", "d"): 2}))
    with pytest.raises(DataError, match="two versions or more, got 0 answers"):
        bradley_terry([])


def test_answers_of_several_people_are_read_together(tmp_path):
    for name, better in (("ada", "truth"), ("bob", "vivid")):
        line = {"photo": "cat", "better": better, "worse": "gray", "seconds": 1.5}
        (tmp_path / f"{name}.json").write_text(json.dumps({"answers": [line]}))
    assert read_answers([tmp_path / "ada.json", tmp_path / "bob.json"]) == [Answer("cat", "truth", "gray"), Answer("cat", "vivid", "gray")]
    (tmp_path / "copy.json").write_bytes((tmp_path / "ada.json").read_bytes())
    with pytest.raises(DataError, match=r"copy\.json holds the same answers as .*ada\.json"):
        read_answers([tmp_path / "ada.json", tmp_path / "copy.json"])


@pytest.mark.parametrize("content", [
    "{}", '""', "[]", '{"answers": []}', '{"answers": [{"photo": "cat", "better": "gray"}]}',
    '{"answers": [{"photo": "cat", "better": "gray", "worse": "gray"}]}', '{"answers": [{"photo": "cat", "better": 1, "worse": "gray"}]}',
    '{"answers": [{"photo": "cat", "better": ["a"], "worse": "gray"}]}', None])
def test_a_file_without_answers_is_named(tmp_path, content):
    path = tmp_path / "not.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=r"not\.json holds no answers of a preference test"):
        read_answers(path)
