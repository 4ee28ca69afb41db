"""Templates of portraits: which tags, grouped, in which order, for whom, and against which class of persons."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from rules.evaluate.meaning import Scalar

from .definition import TAG_ID, Wording
from .portrait_phrases import PhraseInvalid, TagPhrases, check_phrases

MAX_GROUPS = 50
MAX_TAGS = 500
MAX_ROLES = 20
MAX_NAME_CHARACTERS = 128
MAX_RULE_CHARACTERS = 10_000


class TemplateInvalid(ValueError):
    """A template breaks its limits; `field` says where."""

    def __init__(self, template_id: str, field: str, problem: str) -> None:
        super().__init__(f"template '{template_id}', {field}: {problem}")
        self.template_id = template_id
        self.field = field
        self.problem = problem


@dataclass(frozen=True, slots=True)
class TemplateGroup:
    """Tags shown together, in this order."""

    name: Wording
    tag_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TagCondition:
    """Whoever has this value of the tag; of a multi-valued tag among others."""

    tag_id: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class MemberClass:
    """`condition`: a rule over tags, or a value of one."""

    name: Wording
    condition: str | TagCondition


@dataclass(frozen=True, slots=True)
class PortraitTemplate:
    """`roles`: who may read by it, everybody when empty; `phrases` stand in the place of the suite's own."""

    template_id: str
    name: Wording
    groups: tuple[TemplateGroup, ...]
    member_class: MemberClass | None = None
    roles: tuple[str, ...] = ()
    phrases: tuple[TagPhrases, ...] = field(default=())

    @property
    def tag_ids(self) -> tuple[str, ...]:
        """In the order they are shown."""
        return tuple(tag_id for group in self.groups for tag_id in group.tag_ids)


def check_limits(template: PortraitTemplate) -> None:
    """Raises TemplateInvalid for the first field that breaks its stated limits."""
    for where, problem in _faults(template):
        if problem:
            raise TemplateInvalid(template.template_id, where, problem)


def _faults(template: PortraitTemplate) -> Iterator[tuple[str, str]]:
    if not TAG_ID.fullmatch(template.template_id):
        yield "template_id", "is a lower-case letter, then letters, digits and _, at most 64 characters"
    yield "name", _name_fault(template.name, required=True)
    if not 1 <= len(template.groups) <= MAX_GROUPS:
        yield "groups", f"has {len(template.groups)} groups, allowed are 1 to {MAX_GROUPS}"
    for number, group in enumerate(template.groups):
        yield f"groups[{number}].name", _name_fault(group.name)
        if not group.tag_ids:
            yield f"groups[{number}].tag_ids", "is empty"
    if len(template.tag_ids) > MAX_TAGS:
        yield "groups", f"hold {len(template.tag_ids)} tags, the limit is {MAX_TAGS}"
    yield "groups", _repeated(template.tag_ids)
    if len(template.roles) > MAX_ROLES:
        yield "roles", f"has {len(template.roles)} roles, the limit is {MAX_ROLES}"
    yield "phrases", _repeated(tuple(each.tag_id for each in template.phrases))
    if len(template.phrases) > MAX_TAGS:
        yield "phrases", f"are of {len(template.phrases)} tags, the limit is {MAX_TAGS}"
    for phrases in template.phrases:
        try:
            check_phrases(phrases)
        except PhraseInvalid as error:
            yield f"phrases of {phrases.tag_id}", str(error)
    if template.member_class is not None:
        yield from _class_faults(template.member_class)


def _class_faults(member_class: MemberClass) -> Iterator[tuple[str, str]]:
    yield "member_class.name", _name_fault(member_class.name)
    match member_class.condition:
        case str() as rule:
            if not rule.strip():
                yield "member_class", "names neither a rule nor a tag's value"
            if len(rule) > MAX_RULE_CHARACTERS:
                yield "member_class.rule", f"is longer than {MAX_RULE_CHARACTERS} characters"


def _name_fault(name: Wording, *, required: bool = False) -> str:
    if required and not (name.zh or name.en):
        return "is missing"
    if max(len(name.zh), len(name.en)) > MAX_NAME_CHARACTERS:
        return f"is longer than {MAX_NAME_CHARACTERS} characters"
    return ""


def _repeated(tag_ids: tuple[str, ...]) -> str:
    twice = [tag_id for tag_id, count in Counter(tag_ids).items() if count > 1]
    return f"name '{twice[0]}' more than once" if twice else ""
