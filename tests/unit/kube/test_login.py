"""The login of a client: a token that cannot be read now is a passing trouble, as any other."""

from collections.abc import Callable

import pytest
from kubernetes.client import Configuration
from kubernetes.config import ConfigException
from mljob.api import errors
from mljob.kube.client import KubeClient
from mljob.kube.config import Connection


def _raise(error: Exception) -> Callable[[Configuration], None]:
    def hook(_: Configuration) -> None:
        raise error

    return hook


@pytest.mark.parametrize(
    "error", [ConfigException("Token file exists but empty."), FileNotFoundError("token")]
)
async def test_token_that_cannot_be_read_is_told_as_no_answer(error: Exception) -> None:
    configuration = Configuration()
    configuration.host = "http://127.0.0.1:9"
    configuration.api_key = {"authorization": "Bearer old"}
    configuration.refresh_api_key_hook = _raise(error)  # type: ignore[assignment]
    async with KubeClient(Connection(configuration, "default")) as client:
        with pytest.raises(errors.Unavailable, match="token"):
            await client.request("GET", "/version")
        with pytest.raises(errors.Unavailable, match="token"):
            async with client.open("/watch", {}):
                pytest.fail("opened")
