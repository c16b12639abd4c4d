"""Whether a sender knows a secret: all comparisons in constant time, over all secrets given."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from bridge.errors import Refused

_ALGORITHMS = {name: getattr(hashlib, name) for name in ("sha224", "sha256", "sha384", "sha512")}


def is_signed(body: bytes, signature: str, secrets: Sequence[str]) -> bool:
    """Whether ``signature`` is the hex HMAC-SHA256 of the raw ``body`` with one of the secrets, with or without ``sha256=``."""
    given = signature.strip().removeprefix("sha256=").lower()
    return _any(given, [hmac.digest(secret.encode(), body, hashlib.sha256).hex() for secret in secrets if secret])


def is_signed_by(body: bytes, signature: str, secrets: Sequence[str]) -> bool:
    """The same for a signature that names its algorithm, ``sha512=<hex>``: SHA-224, 256, 384 or 512.

    Raises:
        Refused: it names none of these.
    """
    algorithm, equals, given = signature.strip().partition("=")
    digest = _ALGORITHMS.get(algorithm.lower())
    if not equals or digest is None:
        if not signature:
            return False
        msg = f"the signature names no algorithm that is known: expected one of {', '.join(_ALGORITHMS)}, then = and hex digits"
        raise Refused(msg)
    return _any(given.lower(), [hmac.digest(secret.encode(), body, digest).hex() for secret in secrets if secret])


def presents_secret(headers: Mapping[str, str], secrets: Sequence[str]) -> bool:
    """Whether the header ``Authorization`` is one of the secrets, alone or as ``Bearer <secret>``: of senders that sign nothing."""
    given = headers.get("authorization", "").strip()
    scheme, _, rest = given.partition(" ")
    return is_one_of(rest.strip() if scheme.lower() == "bearer" else given, secrets)


def is_one_of(presented: str, secrets: Sequence[str]) -> bool:
    """Whether ``presented`` is one of the secrets."""
    return _any(presented, [secret for secret in secrets if secret])


def _any(given: str, wanted: Sequence[str]) -> bool:
    """Compare digests of both: their lengths are equal whatever was sent, and so is the time taken."""
    presented = hashlib.sha256(given.encode("utf-8", "surrogateescape")).digest()
    found = False
    for each in wanted:
        found |= hmac.compare_digest(presented, hashlib.sha256(each.encode()).digest())
    return found
