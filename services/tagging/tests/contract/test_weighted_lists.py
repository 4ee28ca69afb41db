"""Lists with weights, on every store: from the stream and from runs, folded, told to others as plain texts."""

import numpy as np
from tagging.domain.weighted import WeightedTexts
from tagging.store.tag_entries import exported_blocks
from tagging.store.tag_ports import RunState

FAVOURITES = """{tag_id: favourites, name: x, type: {base: text, multi_valued: true, weighted: true},
    top_n: {measure: COUNT(view_item BY category), sure_events: 8}}"""
PLAIN = """{tag_id: favourites, name: x, type: {base: text, multi_valued: true},
    top_n: {measure: COUNT(view_item BY category)}}"""
LIKES_TEA = "{tag_id: likes_tea, name: x, type: bool, statistic: \"favourites HAS ANY ('茶')\"}"


def view(world, category, times=1):
    world.store(
        *(world.event(1, "view_item", world.ago(hours=each + 1), category=category) for each in range(times))
    )


def stored(world, person=1):
    found = world.database.read_now(world.tags.values.get, world.tenant, ["favourites"], [person])
    value = found["favourites"][person].value
    return None if value is None else (tuple(value), value.weights, value.confidence)


def told(world, after):
    """What a change of blocks says of the favourites, as texts by person."""
    texts, found = {}, {}
    for change in world.changes(after=after):
        if change.HasField("block") and change.block.column == "favourites":
            texts |= {each.code: each.text for each in change.block.dictionary}
            codes = iter(np.frombuffer(change.block.codes, "<i8").tolist())
            for offset, count in zip(
                np.frombuffer(change.block.offsets, "<u2").tolist(),
                np.frombuffer(change.block.counts, "<u2").tolist(),
                strict=True,
            ):
                found[offset] = {texts[next(codes)] for _ in range(count)}
    return found


def test_the_stream_keeps_weights_and_confidence(world):
    world.define(FAVOURITES)
    world.store(world.person(1, 1))
    view(world, "茶", 3)
    view(world, "酒")
    assert stored(world) == (("茶", "酒"), (7_500, 2_500), 5_000)
    view(world, "酒", 4)
    assert stored(world) == (("酒", "茶"), (6_250, 3_750), 10_000)


def test_runs_files_and_folds_keep_them(world):
    world.store(world.person(1, 1))
    view(world, "茶", 3)
    view(world, "酒")
    world.define(FAVOURITES)
    before = world.position
    assert world.run().state is RunState.SUCCEEDED
    assert stored(world) == (("茶", "酒"), (7_500, 2_500), 5_000)
    assert told(world, before) == {1: {"茶", "酒"}}
    view(world, "酒")
    assert world.database.write_now(world.tags.values.fold, world.tenant, 1) == 1
    world.open()
    assert stored(world) == (("茶", "酒"), (6_000, 4_000), 6_250)


def test_others_are_told_texts_and_of_changed_weights_the_same_texts(world):
    world.define(FAVOURITES)
    world.store(world.person(1, 1))
    view(world, "茶")
    world.store(world.event(1, "view_item", world.ago(days=1), category="酒"))
    assert stored(world)[1] == (5_000, 5_000)
    world.define(FAVOURITES.replace("BY category", "BY category DECAY 1 DAY"))
    before = world.position
    assert world.run().state is RunState.SUCCEEDED
    assert stored(world)[1] == (6_667, 3_333)
    assert told(world, before) == {1: {"茶", "酒"}}
    (block,) = [each.block for each in world.changes(after=before) if each.HasField("block")]
    assert block.codes == block.old_codes
    world.store(world.event(1, "view_item", world.clock.now(), category="糖"))
    changed = [each.values for each in world.changes(after=before) if each.HasField("values")]
    assert [each.text_value for each in changed[-1].values[0].value.list_value.values] == ["糖", "茶", "酒"]


def test_an_export_holds_the_codes_of_texts(world):
    world.define(FAVOURITES)
    world.store(world.person(1, 1))
    view(world, "茶", 2)

    def export(connection):
        return list(exported_blocks(connection, world.tenant, "favourites", world.tags.values))

    dictionary, block = world.database.read_now(export)
    assert [(each.code, each.text) for each in dictionary.dictionary] == [(0, "茶")]
    assert np.frombuffer(block.codes, "<i8").tolist() == [0]


def test_rules_read_the_texts(world):
    world.define(FAVOURITES, LIKES_TEA)
    world.store(world.person(1, 1), world.person(2, 2))
    view(world, "茶")
    assert world.values("likes_tea") == {"likes_tea": {1: True, 2: False}}
    assert world.run().state is RunState.SUCCEEDED
    assert world.values("likes_tea") == {"likes_tea": {1: True, 2: False}}


def test_a_list_that_becomes_plain_starts_anew(world):
    world.define(FAVOURITES)
    world.store(world.person(1, 1))
    view(world, "茶")
    world.define(PLAIN)
    assert world.values("favourites") == {"favourites": {}}
    assert world.run().state is RunState.SUCCEEDED
    assert world.values("favourites") == {"favourites": {1: ("茶",)}}


def test_equality_looks_at_weights_only_between_weighted_lists():
    one, other = WeightedTexts.of({"a": 1, "b": 2}), WeightedTexts.of({"a": 2, "b": 1})
    assert one != other
    assert one == ("b", "a")
    assert one == WeightedTexts.of({"b": 2, "a": 1})
    assert one != WeightedTexts.of({"b": 2, "a": 1}, confidence=5)
