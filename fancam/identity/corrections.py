"""Corrections: what somebody said of the groups, kept apart from what was found, so that each can be undone."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fancam.errors import UsageError
from fancam.identity.roster import plain_name

NAME, MERGE, SPLIT = "name", "merge", "split"


@dataclass(frozen=True, slots=True)
class Correction:
    """One thing that somebody said. Faces stand for their people: numbers may change when more inputs come."""

    kind: str
    """``name``: the person of the face has this name; ``merge``: the people of two faces are one; ``split``: the track
    of the face is another person than the rest of its group."""
    faces: tuple[str, ...]
    """Ids of the faces meant."""
    name: str | None = None

    def as_values(self) -> dict[str, Any]:
        """Return the JSON values for ``members.json``."""
        return {"kind": self.kind, "faces": list(self.faces), **({"name": self.name} if self.name else {})}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Correction:
        """Return the correction that ``as_values`` wrote.

        Raises:
            UsageError: It is none.
        """
        kind, faces, name = values.get("kind"), values.get("faces"), values.get("name")
        wanted = {NAME: 1, MERGE: 2, SPLIT: 1}.get(str(kind))
        whole = isinstance(faces, list) and len(faces) == wanted and all(isinstance(one, str) for one in faces)
        if not whole or (kind == NAME) != (isinstance(name, str) and bool(name.strip())):
            raise UsageError(
                f"a correction is not understood: {dict(values)!r}", remedy="undo it, or mend members.json"
            )
        assert isinstance(faces, list)
        return cls(str(kind), tuple(faces), name)


def corrected(
    groups: Mapping[str, Hashable], tracks: Mapping[str, Hashable], corrections: Sequence[Correction]
) -> tuple[dict[str, Hashable], dict[Hashable, str]]:  # fmt: skip
    """Return the groups after all that was said, in its order, and the names that were given.

    Args:
        groups: Id of each face to its group, as found.
        tracks: Id of each face to its track: faces that stay together.
        corrections: Of faces that are not there nothing is done: their input was not given this time.

    Returns:
        Id of each face to its group; group to name. Groups of one name are one.
    """
    now = dict(groups)
    names: dict[Hashable, str] = {}
    for number, one in enumerate(corrections):
        if any(face not in now for face in one.faces):
            continue
        here = now[one.faces[0]]
        if one.kind == SPLIT:
            own = ("split", number)
            now.update({face: own for face, track in tracks.items() if track == tracks[one.faces[0]]})
            continue
        if one.kind == NAME:
            assert one.name is not None
            same = [group for group, name in names.items() if plain_name(name) == plain_name(one.name)]
            others = [group for group in same if group != here]
            names[here] = one.name.strip()
        else:
            others = [now[one.faces[1]]] if now[one.faces[1]] != here else []
        for other in others:
            now = {face: here if group == other else group for face, group in now.items()}
            name = names.pop(other, None)
            if name is not None:
                names.setdefault(here, name)
    used = set(now.values())
    return now, {group: name for group, name in names.items() if group in used}
