"""There are few phone numbers: whatever is a plain digest over one tells it."""

import hashlib

from activation.channels.port import Batch, Message, MessageClass, Target
from activation.domain.feedback import record_id
from activation_world import ACCOUNTS, SMS, World, address, campaign


def text(world: World, sql: str) -> str:
    assert world.wiring is not None
    return str(world.wiring.database.read_now(lambda c: c.exec_driver_sql(sql).scalar_one()))


async def test_no_number_can_be_guessed_from_what_is_stored_or_told(world: World) -> None:
    (person,) = world.audience(1, SMS)
    await world.run(SMS)
    await world.completed()
    (told,) = await world.events_of("message_delivered", 1)
    (effect,) = world.effects()
    phone = address(SMS, person)
    texts = [
        "\x1f".join(["report", effect.message_id, each, "delivered"])
        for each in (phone, phone.removeprefix("+86"))
    ]
    guesses = {hashlib.sha256(text.encode()).hexdigest() for text in texts}
    target = Target((await world.rows())[0].delivery_id, effect.key, phone)
    draft = campaign(SMS)
    message = Message(
        MessageClass.TRANSACTIONAL, "SMS_1", draft.template.sign_name, dict(draft.template.parameters)
    )
    guesses.add(world.accounts[ACCOUNTS[SMS]].channel.build(Batch(effect.key, message, (target,))).digest)
    told_guesses = {record_id(ACCOUNTS[SMS], each, "message_delivered") for each in guesses}
    assert told.record_id not in told_guesses
    stored = {text(world, "SELECT dedupe_key FROM receipt_applied"), text(world, "SELECT digest FROM batch")}
    assert not stored & guesses
