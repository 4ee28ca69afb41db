"""Behind those who push, phone makers show two marketing messages of an app on a device in a day."""

from dataclasses import replace

import pytest
from activation.channels.port import MessageClass, ReceiptStatus, Verdict

TIMEOUT_S = 60.0


@pytest.fixture(params=["jpush", "jpush_personal", "getui"])
def rig(request, make_rig):
    return make_rig(request.param)


async def push(rig, message_class: MessageClass, address: str) -> str:
    message = replace(rig.message, message_class=message_class)
    (outcome,) = await rig.channel.submit(await rig.wire(1, message, [address]), TIMEOUT_S)
    assert outcome.verdict is Verdict.ACCEPTED
    return outcome.message_id


async def test_a_third_is_accepted_and_not_shown_until_tomorrow(rig):
    first, other = rig.addresses(2)
    for _ in range(2):
        await push(rig, MessageClass.MARKETING, first)
    beyond = await push(rig, MessageClass.MARKETING, first)
    await push(rig, MessageClass.MARKETING, other)
    await push(rig, MessageClass.TRANSACTIONAL, first)
    rig.clock.at += 12 * 3_600 + 1  # past midnight in China
    await push(rig, MessageClass.MARKETING, first)
    assert [effect.delivered for effect in rig.effects()] == [True, True, False, True, True, True]
    receipts = []

    def there() -> bool:
        read = (rig.channel.parse_receipts(callback) for callback in rig.receiver.got)
        receipts[:] = [each for some in read for each in some]
        return any(each.message_id == beyond for each in receipts)

    await rig.receiver.wait(there)
    (receipt,) = (each for each in receipts if each.message_id == beyond)
    assert (receipt.status, receipt.unreachable) == (ReceiptStatus.FAILED, False)


def test_caps_say_so(rig):
    assert rig.channel.caps.marketing_per_person_day == 2
