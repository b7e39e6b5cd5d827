"""How deeply JSON is nested, told without recursion. Whoever reads a deep text gets a RecursionError."""

import re

MAX_DEPTH = 100
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def depth(text: bytes) -> int:
    """Of a JSON text; of any other, some number. 0 stands for: not worth counting."""
    if text.count(b"[") + text.count(b"{") <= MAX_DEPTH:
        return 0
    deepest = level = 0
    for found in _STRING_OR_BRACKET.finditer(text):
        bracket = found.group()
        if bracket in (b"[", b"{"):
            level += 1
            deepest = max(deepest, level)
        elif bracket in (b"]", b"}"):
            level -= 1
    return deepest
