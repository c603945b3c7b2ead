"""What the document cannot tell schemathesis: how a recording looks, and what this server's models can do."""

from __future__ import annotations

import array
import io
import re
import wave
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.transport.serialization import Binary


def recording(frames: int, rate: int, channels: int) -> Binary:
    """A WAV of 16 bits: a ramp, so that it is not silent."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(array.array("h", (n % 20_000 for n in range(frames * channels))).tobytes())
    return Binary(file.getvalue())


CURSOR = re.compile(r"[A-Za-z0-9_-]{22}")
"""The shape of all of them; which of these there are, the server alone can say."""

RECORDINGS = [recording(400, 8_000, 1), recording(800, 16_000, 1), recording(600, 48_000, 2)]

schemathesis.openapi.format("binary", st.sampled_from(RECORDINGS))


@schemathesis.hook
def before_load_schema(_context: Any, document: dict[str, Any]) -> None:
    """Which model and instruments there are, and which options exclude each other, no document can say."""
    form = document["paths"]["/api/v1/separate"]["post"]["requestBody"]["content"]["multipart/form-data"][
        "schema"
    ]
    form["properties"]["model_type"]["enum"] = ["starter"]
    form["properties"]["instruments"]["items"]["enum"] = ["drums", "bass", "other"]
    # FLOAT goes with WAV alone, which the schema of a form cannot say either.
    form["properties"]["pcm_type"]["enum"].remove("FLOAT")


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """The document's examples have words in the place of the file, and a cursor that is of no page."""
    if case.query and CURSOR.fullmatch(str(case.query.get("cursor", ""))):
        del case.query["cursor"]
    if isinstance(case.body, dict) and str(case.body.get("file", "")).startswith("(the bytes of "):
        case.body["file"] = RECORDINGS[0]


@schemathesis.hook
def filter_case(_context: Any, case: Any) -> bool:
    """Leaves out what is wrong as JSON and right as a form.

    All is text there: an empty field counts as absent, and 0 and 1 are ways to write a boolean.
    """
    if not isinstance(case.body, dict):
        return True
    flags = [case.body.get("use_tta"), case.body.get("extract_instrumental")]
    fields = [value for name, value in case.body.items() if name != "file"]
    return not any(type(flag) is int and flag in (0, 1) for flag in flags) and not any(
        value is None or value in ("", [], {}) for value in fields
    )
