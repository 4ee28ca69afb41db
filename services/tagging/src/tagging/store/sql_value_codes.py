"""Between values and the codes that they are stored by; texts have theirs in the column's dictionary."""

from collections.abc import Collection, Mapping

import numpy as np
from rules.evaluate.meaning import Value
from rules.values import Kind
from sqlalchemy import Connection
from tagging.domain.columns import Coded, Shape, Vector, decode, scalar_code
from tagging.domain.weighted import codes_of, text_code, weighted
from tagging.store import sql_texts


def decoded(
    connection: Connection, tenant: str, column: str, shape: Shape, coded: Collection[tuple[int, ...]]
) -> dict[tuple[int, ...], Value | None]:
    """The value of each of these codes of a person."""
    texts = _texts_for(connection, tenant, column, shape, {code for each in coded for code in each})
    return {codes: decode(codes, shape, texts) for codes in coded}


def encoded(
    connection: Connection, tenant: str, column: str, shape: Shape, values: Mapping[int, Value | None]
) -> Coded:
    """The codes of persons' values; new texts get theirs. The caller holds the tenant's lock."""
    listed = {
        person: () if value is None else value if isinstance(value, tuple) else (value,)
        for person, value in values.items()
    }
    if shape.base is Kind.TEXT:
        texts = {str(text) for each in listed.values() for text in each}
        codes = sql_texts.codes_of(connection, tenant, column, texts)
        if shape.weighted:
            return Coded.of({person: codes_of(weighted(each), codes) for person, each in listed.items()})
        return Coded.of({person: [codes[str(text)] for text in each] for person, each in listed.items()})
    code = scalar_code(shape.base)
    return Coded.of({person: [code(scalar) for scalar in each] for person, each in listed.items()})


def vector_of(connection: Connection, tenant: str, column: str, shape: Shape, coded: Coded) -> Vector:
    """Known values as a vector, a slot for each person."""
    known = np.ones(len(coded.persons), np.bool_)
    if shape.multi_valued:
        rows = list(coded.rows().values())
        values = decoded(connection, tenant, column, shape, set(rows))
        return Vector.of([values[each] for each in rows], shape)
    if shape.base is not Kind.TEXT:
        return Vector(known, coded.codes)
    used, places = np.unique(coded.codes, return_inverse=True)
    texts = _texts_for(connection, tenant, column, shape, used.tolist())
    pool = np.empty(len(used), object)
    pool[:] = [texts[each] for each in used.tolist()]
    return Vector(known, pool[places])


def _texts_for(
    connection: Connection, tenant: str, column: str, shape: Shape, codes: Collection[int]
) -> dict[int, str]:
    if shape.base is not Kind.TEXT:
        return {}
    wanted = {text_code(each) for each in codes} if shape.weighted else codes
    return sql_texts.texts_of(connection, tenant, column, wanted)
