"""Spans and attributes of activation's workers. They carry no identifier of a person."""

from servicekit.telemetry.names import Attribute, SpanName

PLAN = SpanName("activation.plan", "a snapshot's members on their way into the ledger")
SEND = SpanName("activation.send", "rows of one campaign, from the question for addresses to the results")
SUBMIT = SpanName("activation.submit", "one request to a provider")
RESOLVE = SpanName("activation.resolve", "one question or second submission about an unknown outcome")
CHANNEL = Attribute("huaxiang.channel", "the channel's name, such as aliyun_sms")
ROWS = Attribute("huaxiang.rows", "how many deliveries")
