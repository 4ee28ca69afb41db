"""How each channel is tried: one module a provider, all of them in KINDS."""

from channel_rigs import (
    aliyun_sms,
    apns,
    email,
    fcm,
    getui,
    jpush,
    tencent_sms,
    webhook,
    wechat,
)
from channel_rigs.kind import Kind

_MODULES = (
    aliyun_sms,
    wechat,
    jpush,
    tencent_sms,
    getui,
    webhook,
    fcm,
    apns,
    email,
)
KINDS: dict[str, Kind] = {name: kind for module in _MODULES for name, kind in module.KINDS.items()}
"""By the name that a rig is asked for by."""
PROVIDERS = tuple(dict.fromkeys(kind.provider for kind in KINDS.values()))
"""The sandbox's names."""
