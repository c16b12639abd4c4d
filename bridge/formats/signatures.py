"""Whether a sender knows a secret: all comparisons in constant time, over all secrets given."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence


def is_signed(body: bytes, signature: str, secrets: Sequence[str]) -> bool:
    """Whether ``signature`` is the hex HMAC-SHA256 of the raw ``body`` with one of the secrets, with or without ``sha256=``."""
    given = signature.strip().removeprefix("sha256=").lower()
    return _any(given, [hmac.digest(secret.encode(), body, hashlib.sha256).hex() for secret in secrets if secret])


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
