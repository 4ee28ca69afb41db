"""What services say to programs, said to people: the command in the place of the rpc."""

import re

COMMAND_OF_RPC = {"PutEventType": "huaxiang events declare"}
"""Those that services name in what they say about people's input."""
_NAMED = re.compile(rf"\b({'|'.join(COMMAND_OF_RPC)})\b")


def in_commands(text: str) -> str:
    return _NAMED.sub(lambda found: COMMAND_OF_RPC[found[1]], text)
