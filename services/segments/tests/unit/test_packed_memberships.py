from huaxiang.segments.v1 import membership_service_pb2 as pb
from huaxiang.segments.v1 import segment_pb2
from hypothesis import given
from hypothesis import strategies as st
from segments.api.packed_memberships import (
    LONGEST_US,
    SEGMENTS_MOST,
    packed_duration,
    packed_persons,
)

EDGES = st.sampled_from([0, 1, 2**7 - 1, 2**7, 2**14, 2**21 - 1, 2**28, 2**32 - 1])


@given(st.lists(EDGES | st.integers(0, 2**32 - 1), min_size=1, max_size=40), st.data())
def test_packed_persons_read_as_the_messages_they_stand_for(person_ids, data):
    segments = data.draw(st.sampled_from([1, 2, 100, SEGMENTS_MOST]))
    bits = data.draw(st.randoms(use_true_random=False))
    members = [[bits.random() < 0.5 for _ in person_ids] for _ in range(segments)]
    read = pb.CheckMembershipResponse.FromString(
        packed_persons(person_ids, [bytes(each) for each in members])
    )
    assert [each.person_id for each in read.persons] == person_ids
    assert [list(each.members) for each in read.persons] == [
        list(each) for each in zip(*members, strict=True)
    ]


@given(st.sampled_from([0, 1, 2**7, 2**14 - 1, 2**21, 2**28 - 1, LONGEST_US]) | st.integers(0, LONGEST_US))
def test_a_duration_joins_what_the_answer_rests_on(microseconds):
    answer = pb.CheckMembershipResponse(freshness=segment_pb2.Freshness(population_count=3))
    read = pb.CheckMembershipResponse.FromString(answer.SerializeToString() + packed_duration(microseconds))
    answer.freshness.evaluate_us = microseconds
    assert read == answer
    assert packed_duration(LONGEST_US + 1) == packed_duration(LONGEST_US)
