"""What NET subtracts: the events that reverse a type, asked the same WHERE of their own properties."""

from rules.schema import EventType, Schema, Scope, UnknownPath, resolve
from rules.tree import Aggregate, And, AnyLine, Condition, Constant, IsKnown, Node, Not, Or, Property
from rules.values import NUMBER
from rules.walk import children, rebuild


def reversals(node: Aggregate, schema: Schema) -> list[tuple[EventType, Condition | None]]:
    """Each type that NET subtracts, with the WHERE it is asked; NET reads a property of the event itself."""
    type_ = schema.event(node.event)
    assert type_ is not None
    assert node.property is not None
    found = []
    for name in type_.reversed_by if node.net else ():
        reversal = schema.event(name)
        same = reversal.property(node.property.path[0]) if reversal else None
        if reversal is not None and same is not None and same.type == NUMBER:
            where = node.where and _asked(node.where, Scope(type_), Scope(reversal), schema)
            found.append((reversal, where))
    return found


def _asked(where: Condition, own: Scope, reversal: Scope, schema: Schema) -> Condition:
    """The condition where a property that the reversal lacks is unknown: what asks for it is false."""

    def change(node: Node) -> Node:
        if isinstance(node, And | Or | Not):
            return rebuild(node, change)
        if isinstance(node, AnyLine):
            if not _same_list(node.list, own.event, reversal.event):
                return Constant(False)
            inner = Scope(own.event, node.list), Scope(reversal.event, node.list)
            return AnyLine(node.list, _asked(node.condition, *inner, schema))
        if all(_same(each, own, reversal, schema) for each in _properties(node)):
            return node
        return Constant(isinstance(node, IsKnown) and not node.known)

    return change(where)  # type: ignore[return-value]  # a condition stays one


def _properties(node: Node) -> list[Property]:
    if isinstance(node, Property):
        return [node]
    return [found for child in children(node) for found in _properties(child)]


def _same(node: Property, own: Scope, reversal: Scope, schema: Schema) -> bool:
    """Do both events have the property, with one type?"""
    try:
        return resolve(schema, own, node.path).type == resolve(schema, reversal, node.path).type
    except UnknownPath:
        return False


def _same_list(name: str, own: EventType, reversal: EventType) -> bool:
    mine, theirs = own.property(name), reversal.property(name)
    return mine is not None and theirs is not None and mine.type == theirs.type
