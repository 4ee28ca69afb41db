"""The rule that tells of whom behaviour contradicts a value, compiled: a rule over tags alone."""

from rules.errors import Problem
from rules.schema import Schema
from rules.tree import NOWHERE
from rules.values import Kind
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
