"""A model learned from samples of a seed and of others, with the persons held out who judge it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap
from segments.domain.insight.lookalike.design import Design
from segments.domain.insight.lookalike.draws import draws, smallest
from segments.domain.insight.lookalike.encoding import Feature, TagEncoding, encoding_of
from segments.domain.insight.lookalike.evaluation import Evaluation, evaluated
from segments.domain.insight.lookalike.log_odds import log_odds_weights
from segments.domain.insight.lookalike.logistic import learn
from segments.domain.insight.significance import Floats
from segments.store.insight_ports import TagColumns
from segments.store.ports import TenantIndex

MAX_SEED, MAX_OTHERS = 20_000, 50_000
"""Persons learned and judged from, drawn when there are more."""
HELD_OUT = 0.3
_DIGITS = 9
"""Of scores: those that differ by rounding alone are equal."""

Ids = npt.NDArray[np.uint32]


class Model(Enum):
    """How likeness is learned."""

    LOG_ODDS = "log_odds"
    LOGISTIC = "logistic"


@dataclass(frozen=True, slots=True)
class People:
    """An index and how to ask it."""

    index: TenantIndex
    columns: TagColumns


@dataclass(frozen=True, slots=True)
class Learnt:
    """`weights` by `features`; `seed_counts` and `other_counts`: persons with each feature, of those learned from."""

    encodings: tuple[TagEncoding, ...]
    features: tuple[Feature, ...]
    weights: Floats
    seed_counts: Floats
    other_counts: Floats
    evaluation: Evaluation
    converged: bool


def learnt_from(
    people: People,
    seed: BitMap,
    others: BitMap,
    tag_ids: Sequence[str],
    model: Model,
    chance: int,
) -> Learnt:
    """Seed and others are disjoint and have persons enough to hold some out."""
    ids = np.sort(
        np.concatenate([_drawn(people, seed, MAX_SEED, chance), _drawn(people, others, MAX_OTHERS, chance)])
    )
    in_seed = np.isin(ids, np.asarray(seed.to_array(), np.uint32))
    held_out = _held_out(people, ids, in_seed, chance)
    encodings, features, design = _encoded(people, ids, tag_ids)
    training = design.only(~held_out)
    truth = in_seed[~held_out]
    if model is Model.LOGISTIC:
        found = learn(training, truth)
        weights, converged = found.weights, found.converged
    else:
        weights, converged = log_odds_weights(training, truth), True
    scores = np.round(design.times(weights), _DIGITS)
    return Learnt(
        encodings=encodings,
        features=features,
        weights=weights,
        seed_counts=training.counts(truth),
        other_counts=training.counts(~truth),
        evaluation=evaluated(scores[held_out & in_seed], scores[held_out & ~in_seed]),
        converged=converged,
    )


def scores_of(people: People, learnt: Learnt, ids: Ids) -> Floats:
    """Of persons by ascending id, in the same order."""
    found = np.zeros(len(ids), np.float64)
    for each in learnt.encodings:
        ones = people.columns.ones(people.index, each.tag.name, ids)
        rows, columns = each.encode(ones.places, ones.codes, len(ids))
        found += Design(len(ids), len(learnt.weights), rows, columns).times(learnt.weights)
    return np.round(found, _DIGITS)


def _drawn(people: People, persons: BitMap, most: int, chance: int) -> Ids:
    ids = np.asarray(persons.to_array(), np.uint32)
    if len(ids) <= most:
        return ids
    return ids[smallest(draws(people.index.birth_hashes(ids), chance), most)]


def _held_out(people: People, ids: Ids, in_seed: npt.NDArray[np.bool_], chance: int) -> npt.NDArray[np.bool_]:
    """Three tenths of each group, by draws that have nothing to do with the sample's."""
    drawn = draws(people.index.birth_hashes(ids), chance + 2**32)
    held = np.zeros(len(ids), np.bool_)
    for group in (in_seed, ~in_seed):
        places = np.flatnonzero(group)
        order = np.lexsort((ids[places], drawn[places]))
        held[places[order[: max(1, round(HELD_OUT * len(places)))]]] = True
    return held


def _encoded(
    people: People, ids: Ids, tag_ids: Sequence[str]
) -> tuple[tuple[TagEncoding, ...], tuple[Feature, ...], Design]:
    index = people.index
    encodings: list[TagEncoding] = []
    features: list[Feature] = []
    rows, columns = [], []
    for tag_id in tag_ids:
        ones = people.columns.ones(index, tag_id, ids)
        encoding = encoding_of(index.tags[tag_id].tag, len(features), ones.codes, index.calendar)
        here = encoding.encode(ones.places, ones.codes, len(ids))
        rows.append(here[0])
        columns.append(here[1])
        encodings.append(encoding)
        features += encoding.features(ones.texts.__getitem__)
    design = Design(len(ids), len(features), np.concatenate(rows), np.concatenate(columns))
    return tuple(encodings), tuple(features), design
