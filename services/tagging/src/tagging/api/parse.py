"""Values of the contract as a rule's values."""

from huaxiang.type.v1 import value_pb2
from rules.evaluate.meaning import Scalar, Value
from rules.evaluate.person import PropertyValue
from servicekit.values import NotAValue, scalar


def property_value(message: value_pb2.Value) -> PropertyValue | None:
    """A property's value; None is unknown. A record by itself is a list of one. Raises NotAValue."""
    kind = message.WhichOneof("kind")
    if kind == "list_value":
        elements = message.list_value.values
        if elements and elements[0].WhichOneof("kind") == "record_value":
            return tuple(_record(element) for element in elements)
        return tuple(_element(element) for element in elements)
    if kind == "record_value":
        return (_record(message),)
    return scalar(message)


def value(message: value_pb2.Value) -> Value | None:
    """A value that is no record; None is unknown. Raises NotAValue."""
    if message.WhichOneof("kind") == "list_value":
        return tuple(_element(each) for each in message.list_value.values)
    return scalar(message)


def _record(message: value_pb2.Value) -> dict[str, Value]:
    if message.WhichOneof("kind") != "record_value":
        raise NotAValue("is a list of records and other values")
    found: dict[str, Value] = {}
    for name, each in message.record_value.fields.items():
        known = value(each)
        if known is not None:
            found[name] = known
    return found


def _element(message: value_pb2.Value) -> Scalar:
    found = scalar(message)
    if found is None:
        raise NotAValue("is a list with an element that has no value")
    return found
