"""Job functions that raise, or return what JSON cannot carry."""

from __future__ import annotations

import asyncio
import os
from typing import Any, NoReturn


def boom(text: str = "boom") -> NoReturn:
    raise ValueError(text)


def bare() -> NoReturn:
    raise RuntimeError()


def chained() -> None:
    try:
        os.environ["NO_SUCH_KEY"]
    except KeyError as error:
        raise OSError("no disk") from error


def recursion() -> None:
    recursion()


def huge(size: int) -> NoReturn:
    raise ValueError('"\\\n\u00e9\u4f60\U0001f600' * size)


def surrogate() -> NoReturn:
    raise OSError(2, "bad name", "caf\udce9\x00\x1b[31m")


class Unprintable(Exception):
    def __init__(self) -> None:
        super().__init__("\udce9\x00")

    def __repr__(self) -> str:
        return "Unprintable(\udce9\x00\x1b[31m)"


def unprintable() -> NoReturn:
    raise Unprintable


class Speechless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


def speechless() -> NoReturn:
    raise Speechless


def long_class_name() -> NoReturn:
    raise type("E" * 5000, (Exception,), {})


def deep_causes(depth: int) -> NoReturn:
    error: Exception = ValueError("first")
    for index in range(depth):
        following = ValueError(str(index))
        following.__cause__ = error
        error = following
    raise error


class Beyond(BaseException):
    pass


def base_exception() -> NoReturn:
    raise Beyond("beyond Exception")


def cancelled() -> NoReturn:
    raise asyncio.CancelledError


def no_memory() -> NoReturn:
    raise MemoryError


def a_set() -> Any:
    return {1}


class Model:
    pass


def a_model() -> Any:
    return {"model": Model()}


def nan() -> float:
    return float("nan")


def infinity() -> list[float]:
    return [1.0, float("-inf")]


def circular() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


def nested(depth: int) -> Any:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def lone_surrogate() -> str:
    return "\ud800"


class Hostile(dict):  # type: ignore[type-arg]
    def items(self) -> Any:
        raise ZeroDivisionError("while being walked")


def hostile_value() -> Any:
    return Hostile(a=1)


async def coroutine() -> int:
    return 1
