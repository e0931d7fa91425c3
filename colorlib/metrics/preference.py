"""Preferences of people: answers to pairs of pictures, and how strongly each version is preferred (Bradley-Terry)."""

import json
import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from colorlib.system.errors import DataError
from colorlib.system.paths import expand_user

HALF = 0.5               # answers added in each direction to every pair that was compared: a version that always won has a finite strength
Z = 1.959964             # of the normal distribution, for 95%


class Answer(NamedTuple):
    """One choice between two versions of a photo."""

    photo: str
    better: str              # the version that was chosen
    worse: str


class Preference(NamedTuple):
    """How strongly a version is preferred."""

    version: str
    strength: float          # log odds of winning against a version of strength 0, the mean of all
    low: float               # of the 95% interval
    high: float
    wins: int
    comparisons: int


def read_answers(paths: str | os.PathLike | Iterable[str | os.PathLike]) -> list[Answer]:
    """Read files that the page of a preference test has saved, one of each person.

    Raises:
        DataError: for a file that is missing, holds no answers, or is a copy of another one: its answers would count twice.
    """
    answers, files = [], {}
    for path in map(expand_user, [paths] if isinstance(paths, str | os.PathLike) else paths):
        try:
            content = path.read_bytes()
            found = [Answer(line["photo"], line["better"], line["worse"]) for line in json.loads(content)["answers"]]
            if not found:
                raise ValueError("its list is empty")
            for answer in found:
                if not all(isinstance(name, str) for name in answer) or answer.better == answer.worse:
                    raise ValueError(f"{answer} is not a choice between two versions")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} holds no answers of a preference test ({error}): save them with the button at the end of the "
                            "test") from error
        if content in files:
            raise DataError(f"{path} holds the same answers as {files[content]}: leave one of them out")
        files[content] = path
        answers += found
    return answers


def bradley_terry(answers: Sequence[Answer]) -> list[Preference]:
    """Strength of each version, the strongest first, by maximum likelihood.

    In the model of Bradley and Terry 1952, version i is preferred to j with the probability 1 / (1 + exp(strength j - strength i)).
    The intervals come from the curvature of the likelihood. They take all answers for independent: with few persons, whose
    answers are alike, they are too narrow.

    Raises:
        DataError: for fewer than two versions, or versions of which some were never compared with the others, even through a third.
    """
    versions = sorted({name for answer in answers for name in answer[1:]})
    if len(versions) < 2:
        raise DataError(f"a preference needs answers about two versions or more, got {len(answers)} answers about {versions}")
    index = {name: i for i, name in enumerate(versions)}
    wins = np.zeros((len(versions), len(versions)))
    for answer in answers:
        wins[index[answer.better], index[answer.worse]] += 1
    compared = wins + wins.T > 0
    reached = np.linalg.matrix_power(compared + np.eye(len(versions)), len(versions)) > 0
    if not reached.all():
        apart = [versions[i] for i in np.flatnonzero(~reached[0])]
        raise DataError(f"{', '.join(apart)} and {versions[0]} were never compared, even through another version: collect more answers")
    smoothed = wins + HALF * compared

    def minus_log_likelihood(strengths: np.ndarray) -> float:
        return -(smoothed * log_expit(strengths[:, None] - strengths)).sum() + strengths.mean()**2       # the mean is free: hold it at 0

    strengths = minimize(minus_log_likelihood, np.zeros(len(versions))).x
    strengths -= strengths.mean()
    chance = expit(strengths[:, None] - strengths)
    information = -(smoothed + smoothed.T) * chance * (1 - chance)
    np.fill_diagonal(information, -information.sum(1))
    errors = np.sqrt(np.diag(np.linalg.pinv(information)))
    found = [Preference(name, strengths[i], strengths[i] - Z * errors[i], strengths[i] + Z * errors[i], int(wins[i].sum()),
                        int((wins + wins.T)[i].sum())) for name, i in index.items()]
    return sorted(found, key=lambda preference: -preference.strength)
