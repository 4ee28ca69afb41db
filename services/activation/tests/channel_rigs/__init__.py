"""How each channel is tried: one module a provider, all of them in KINDS."""

from channel_rigs import aliyun_sms, jpush, tencent_sms, wechat
from channel_rigs.kind import Kind

KINDS: dict[str, Kind] = {**aliyun_sms.KINDS, **wechat.KINDS, **jpush.KINDS, **tencent_sms.KINDS}
"""By the name that a rig is asked for by."""
PROVIDERS = tuple(dict.fromkeys(kind.provider for kind in KINDS.values()))
"""The sandbox's names."""
