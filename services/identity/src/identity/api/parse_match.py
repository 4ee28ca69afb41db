"""Requests of MatchService to the domain, limits checked."""

from collections.abc import Mapping
from typing import Any

import yaml
from huaxiang.identity.v1 import match_pb2
from huaxiang.identity.v1 import match_service_pb2 as pb
from servicekit.errors import InvalidField
from servicekit.principal import Principal

from identity.app.matching.models import NewModel
from identity.app.matching.review import Decision
from identity.domain.matching.bands import Bands
from identity.domain.matching.rows import COLUMNS
from identity.domain.matching.specification import SpecificationInvalid, parse_specification

MAX_REQUEST_ID_CHARS = 128
MAX_SPECIFICATION_CHARS = 100_000
MAX_NOTE_CHARS = 500
MAX_WEIGHTS = 50
MIN_PRECISION, MAX_PRECISION = 0.5, 0.9999


def new_model(
    request: pb.CreateModelRequest, principal: Principal, built_in: Mapping[str, Any], bands: Bands
) -> NewModel:
    """The model to add."""
    document = _document(request.specification) if request.specification else built_in
    try:
        specification = parse_specification(document)
    except SpecificationInvalid as error:
        raise InvalidField(f"specification.{error.field}", error.problem) from error
    unknown = sorted(set(specification.columns) - set(COLUMNS))
    if unknown:
        raise InvalidField("specification.columns", f"names {unknown[0]!r}; rows have {', '.join(COLUMNS)}")
    if request.HasField("bands"):
        stated = request.bands
        bands = Bands(
            stated.auto_weight,
            stated.review_weight,
            stated.mean_weight,
            stated.absent_weight,
            stated.max_rows,
        )
        if bands.problem():
            raise InvalidField("bands", bands.problem())
    wanted = {
        name: document[name]
        for name in ("columns", "lists", "comparisons", "blocks", "training")
        if name in document
    }
    return NewModel(
        principal.require_tenant(),
        request_id(request.request_id),
        principal.subject,
        _text("note", request.note),
        wanted,
        bands,
    )


def request_id(stated: str) -> str:
    """A caller's id of a request."""
    if not 1 <= len(stated) <= MAX_REQUEST_ID_CHARS or not stated.isprintable():
        raise InvalidField("request_id", f"is not 1 to {MAX_REQUEST_ID_CHARS} printable characters")
    return stated


def decision(request: pb.DecideReviewTaskRequest, principal: Principal) -> Decision:
    """What a human says of a task."""
    if request.answer not in (pb.REVIEW_ANSWER_SAME, pb.REVIEW_ANSWER_DIFFERENT):
        raise InvalidField("answer", "is neither SAME nor DIFFERENT")
    return Decision(
        principal.require_tenant(),
        principal.subject,
        request.task_id,
        request.answer == pb.REVIEW_ANSWER_SAME,
        _text("reason", request.reason),
    )


def thresholds(request: pb.EvaluateModelRequest) -> tuple[list[float], float]:
    """The weights to try and the precision that is wanted, 0 for the default."""
    if len(request.weights) > MAX_WEIGHTS:
        raise InvalidField("weights", f"has {len(request.weights)} entries, the limit is {MAX_WEIGHTS}")
    if any(not -1e6 < weight < 1e6 for weight in request.weights):
        raise InvalidField("weights", "holds what is no weight")
    wanted = request.wanted_precision
    if wanted and not MIN_PRECISION <= wanted <= MAX_PRECISION:
        raise InvalidField("wanted_precision", f"is not between {MIN_PRECISION} and {MAX_PRECISION}")
    return list(request.weights), wanted


def bands_message(bands: Bands) -> match_pb2.MatchBands:
    """The way back of the bands."""
    return match_pb2.MatchBands(
        auto_weight=bands.auto,
        review_weight=bands.review,
        mean_weight=bands.mean,
        absent_weight=bands.absent,
        max_rows=bands.max_rows,
    )


def _document(text: str) -> Mapping[str, Any]:
    if len(text) > MAX_SPECIFICATION_CHARS:
        raise InvalidField(
            "specification", f"has {len(text)} characters, the limit is {MAX_SPECIFICATION_CHARS}"
        )
    if "&" in text or "*" in text:
        raise InvalidField("specification", "uses YAML anchors or aliases: write it out")
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidField("specification", "is neither JSON nor YAML") from error
    if not isinstance(document, dict):
        raise InvalidField("specification", "is not a mapping")
    return document


def _text(field: str, stated: str) -> str:
    if len(stated) > MAX_NOTE_CHARS or any(character < " " for character in stated):
        raise InvalidField(field, f"is not at most {MAX_NOTE_CHARS} characters of plain text")
    return stated
