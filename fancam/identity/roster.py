"""The roster: who is in the group, each with reference looks."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from fancam.errors import UsageError


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One member of the group."""

    name: str
    vectors: npt.NDArray[np.float32]
    """(N, D) embeddings of the reference looks, of length 1."""
    weights: tuple[float, ...]
    """Quality of each, from ``look_weight``."""
    files: tuple[str, ...] = ()
    """Where they come from."""

    def __repr__(self) -> str:
        return f"Member({self.name!r}, {len(self.vectors)} references)"


class Roster:
    """The members that a face may be of, each with one reference or more.

    Raises:
        UsageError: There is no member, a name is empty, or two members have one name.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        if not members:
            raise UsageError("the roster has no member", remedy="name a folder with a picture or a folder per member")
        seen: dict[str, str] = {}
        for member in members:
            if not member.name.strip():
                raise UsageError("a member has no name", remedy="name the reference's folder or file after the member")
            plain = plain_name(member.name)
            if plain in seen:
                raise UsageError(
                    f"two members are called {member.name!r}", item=", ".join([seen[plain], *member.files[:1]]),
                    remedy="give one of them another name, or put all references of one member in one folder",
                )  # fmt: skip
            seen[plain] = member.files[0] if member.files else member.name
        self.members = tuple(sorted(members, key=lambda member: plain_name(member.name)))

    @property
    def names(self) -> tuple[str, ...]:
        """The members' names."""
        return tuple(member.name for member in self.members)

    def member(self, name: str) -> Member:
        """Return the member of a name; capitals and the way an accent is coded make no difference.

        Raises:
            UsageError: There is none.
        """
        for member in self.members:
            if plain_name(member.name) == plain_name(name):
                return member
        raise UsageError(f"no member is called {name!r}", remedy=f"the roster has {', '.join(self.names)}")

    def similarities(self, vectors: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Return (N, members) cosines between (N, D) embeddings and each member's references, by their weights."""
        return np.asarray(vectors, np.float64) @ self._centres.T

    def as_values(self) -> dict[str, list[list[float]]]:
        """Return what a result depends on of it, as JSON values: the names and the embeddings."""
        return {one.name: [[round(float(x), 6) for x in vector] for vector in one.vectors] for one in self.members}

    @cached_property
    def _centres(self) -> npt.NDArray[np.float64]:
        sums = [np.asarray(one.weights, np.float64) @ np.asarray(one.vectors, np.float64) for one in self.members]
        return np.stack([total / max(float(np.linalg.norm(total)), 1e-12) for total in sums])

    def __len__(self) -> int:
        return len(self.members)

    def __repr__(self) -> str:
        return f"Roster({', '.join(self.names)})"


def plain_name(name: str) -> str:
    """Return a name as it is compared: composed (NFC) and without capitals."""
    return unicodedata.normalize("NFC", name.strip()).casefold()
