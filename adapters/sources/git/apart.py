"""A long history is read by a process of its own, so that it is read and recorded at the same time on two cores.

The child (``python -m adapters.sources.git``) is told on standard input what to read, and writes frames to standard output:
a type byte, a length of four bytes, and the content. It ends when it is done, or when nobody reads any more.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from adapters.sources.git.cursor import Cursor
from adapters.sources.git.objects import ObjectMissing
from adapters.sources.git.pipes import widen_pipe
from adapters.sources.git.settings import GitSourceSettings
from adapters.sources.git.wire import decode_batch, encode_batch
from bridge.errors import DeploybridgeError, Stalled, Unavailable
from bridge.ports import SourceBatch

WORTH_IT = 3000  # landings; a process takes about as long to start as a thousand take to read
_BATCH, _DAMAGED, _STALLED, _UNAVAILABLE, _END = b"B", b"D", b"S", b"U", b"E"


@dataclass(frozen=True, slots=True)
class Errand:
    """What is read at first contact, from the mirror as it is: up to the commit ``tip``; ``cursor`` is how its cursors begin.

    ``others``: commits whose histories are counted already.
    """

    settings: GitSourceSettings
    data_dir: Path
    cursor: Cursor
    tip: bytes
    others: tuple[bytes, ...] = ()


def read_apart(errand: Errand) -> Iterator[SourceBatch]:
    """The batches of the errand, in order.

    Raises:
        ObjectMissing: the mirror is damaged.
        Stalled, Unavailable: as the child says, or it died.
    """
    command = [sys.executable, "-m", "adapters.sources.git"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:  # noqa: S603 - this very program
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            widen_pipe(child.stdout)
            with child.stdin as request:
                pickle.dump(errand, request)
            yield from _batches(child.stdout)
        except (BrokenPipeError, EOFError):
            child.kill()
            msg = f"the process that reads the history ended with {child.wait()}: it is tried again"
            raise Unavailable(msg) from None
        finally:
            child.kill()


def serve(read: Iterable[SourceBatch], out: IO[bytes], damage: tuple[type[Exception], ...]) -> None:
    """The child's side: write every batch, then how it ended."""
    try:
        for batch in read:
            _write(out, _BATCH, encode_batch(batch))
    except damage as error:
        _write(out, _DAMAGED, f"{type(error).__name__}: {error}".encode())
    except DeploybridgeError as error:
        _write(out, _STALLED if isinstance(error, Stalled) else _UNAVAILABLE, str(error).encode())
    else:
        _write(out, _END, b"")


def _batches(pipe: IO[bytes]) -> Iterator[SourceBatch]:
    while True:
        kind = _read(pipe, 1)
        content = _read(pipe, int.from_bytes(_read(pipe, 4), "big"))
        if kind == _BATCH:
            yield _decoded(content)
        elif kind == _END:
            return
        elif kind == _DAMAGED:
            raise ObjectMissing(content.decode())
        else:
            raise (Stalled if kind == _STALLED else Unavailable)(content.decode())


def _decoded(content: bytes) -> SourceBatch:
    try:
        return decode_batch(content)
    except ValueError as error:  # half a batch: the child was stopped or traced in the middle of it
        raise Unavailable(
            f"what the process that reads the history sent is damaged ({error}): it is tried again"
        ) from None


def _read(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _write(pipe: IO[bytes], kind: bytes, content: bytes) -> None:
    pipe.write(kind + len(content).to_bytes(4, "big") + content)
    pipe.flush()
