"""The rule that tells of whom behaviour contradicts a value, compiled: a rule over tags alone."""

from rules.errors import Problem, RuleSyntaxError
from rules.parser import parse
from rules.schema import Schema
from rules.tree import NOWHERE, TagRef
from rules.values import Kind
from rules.walk import walk
from tagging.domain.compilation import RuleInvalid, tag_recipe
from tagging.domain.definition import LayeredRuleKind, RuleLayer, TagDefinition, TagValueType, Wording
from tagging.domain.recipe import Recipe

COLUMN_PREFIX = "contradicted:"
"""No tag can be called so."""
FIELD = "quality.contradicted_when"


def contradiction(definition: TagDefinition, schema: Schema) -> Recipe:
    """The rule of a definition that states one, as a truth of every person. Raises RuleInvalid, with the tag."""
    rule = definition.quality.contradicted_when
    asked = TagDefinition(
        tag_id=f"{COLUMN_PREFIX}{definition.tag_id}",
        name=Wording(),
        value_type=TagValueType(Kind.BOOL),
        kind=LayeredRuleKind((RuleLayer(rule, True),), False),
    )
    try:
        recipe = tag_recipe(asked, schema)
    except RuleInvalid as error:
        raise RuleInvalid(definition.tag_id, FIELD, error.problems) from error
    for wrong, problem in (
        (recipe.events, "is over events: make a tag of them and ask for its value"),
        (recipe.tables, "is over reference tables: make a tag of them and ask for its value"),
        (recipe.triggers, "moves with hours: make a tag of it and ask for its value"),
    ):
        if wrong:
            raise RuleInvalid(definition.tag_id, FIELD, (Problem(problem, 1, 1, NOWHERE),))
    return recipe


def judging(definition: TagDefinition) -> frozenset[str]:
    """The other tags that the rule names; none when it cannot be read."""
    if not definition.quality.contradicted_when:
        return frozenset()
    try:
        rule = parse(definition.quality.contradicted_when)
    except RuleSyntaxError:
        return frozenset()
    return frozenset(each.name for each in walk(rule) if isinstance(each, TagRef)) - {definition.tag_id}
