"""Job functions that leave by the window."""

from __future__ import annotations

import atexit
import ctypes
import os
import resource
import signal
import sys
import threading
import time
from typing import Any, NoReturn


def _no_core_files() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def leave(code: Any) -> NoReturn:
    sys.exit(code)


def leave_at_once(code: int) -> NoReturn:
    os._exit(code)


def abort() -> None:
    _no_core_files()
    os.abort()


def segfault() -> None:
    _no_core_files()
    ctypes.string_at(0)


def kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def interrupt() -> NoReturn:
    raise KeyboardInterrupt


def become(program: str) -> None:
    os.execv(program, [program])


def close_descriptors(then_raise: bool) -> str:
    os.closerange(0, 4096)
    if then_raise:
        raise ValueError("descriptors are closed")
    return "alive"


def reuse_descriptors() -> str:
    """Closes all of them, and opens a file of its own under every number."""
    os.closerange(0, 4096)
    for _ in range(64):
        os.open("/dev/null", os.O_RDWR)
    return "alive"


def no_streams() -> str:
    sys.stdout = sys.stderr = None
    return "alive"


def no_working_directory() -> str:
    folder = os.path.abspath("gone")
    os.mkdir(folder)
    os.chdir(folder)
    os.rmdir(folder)
    return "alive"


def fork_and_return() -> str:
    """Both return; only one of them is the job."""
    return "copy" if os.fork() == 0 else "original"


def fork_and_raise() -> str:
    if os.fork() == 0:
        raise ValueError("in the copy")
    os.wait()
    return "original"


def many_children(count: int) -> int:
    for _ in range(count):
        if os.fork() == 0:
            os._exit(0)
    return count


def exit_badly() -> str:
    atexit.register(os._exit, 3)
    return "done"


def crash_at_exit() -> str:
    _no_core_files()
    atexit.register(os.abort)
    return "done"


def lingering_thread() -> str:
    threading.Thread(target=time.sleep, args=(600,)).start()
    return "done"


def stop_itself() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def terminate_parent() -> None:
    os.kill(os.getppid(), signal.SIGTERM)
    time.sleep(600)


def forge_message() -> NoReturn:
    with open(os.environ["MLJOB_TERMINATION_LOG"], "w") as file:
        file.write('{"v":1,"outcome":"succeeded","result":"1"}' + " " * 8000)
    os._exit(3)
