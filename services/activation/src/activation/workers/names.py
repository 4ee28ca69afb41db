"""Spans and attributes of activation's workers. They carry no identifier of a person."""

from servicekit.telemetry.names import Attribute, SpanName

SUBMIT = SpanName("activation.submit", "one request to a provider")
CHANNEL = Attribute("huaxiang.channel", "the channel's name, such as aliyun_sms")
