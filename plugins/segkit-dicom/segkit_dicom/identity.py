"""Case ids that name nobody: salted digests of what the headers say of patient and series."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import sys
from pathlib import Path
from typing import Any

from segkit import SegkitError
from segkit.files import expanded, write_json
from segkit_dicom.headers import text

SALT = "dicom-salt"
BYTES = 32


def salt() -> bytes:
    """Return this user's secret, made at first use: without it nobody can try names until a digest fits.

    It lies where settings of users lie, readable by the user alone; SEGKIT_DICOM_SALT is used in its place where
    several machines have to give the same ids.

    Raises:
        SegkitError: it cannot be read or written.
    """
    if given := os.environ.get("SEGKIT_DICOM_SALT"):
        return given.encode()
    base = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CONFIG_HOME", "")
    folder = (Path(base) if Path(base).is_absolute() else expanded("~/.config", "the salt of case ids")) / "segkit"
    path = folder / SALT
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            return bytes.fromhex(path.read_text())
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_hex(BYTES))
        return bytes.fromhex(path.read_text())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it holds no digits"
        raise SegkitError(
            f"the salt of case ids, {path}, cannot be used: {reason}", "set SEGKIT_DICOM_SALT to a secret of your own"
        ) from None


def digest(text: str, secret: bytes) -> str:
    """Return 12 hexadecimal digits that stand for a patient or series."""
    return hmac.new(secret, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:12]


def identity_of(header: Any, secret: bytes) -> dict[str, str]:
    """Return who and what a file's header says to be, and the digest that stands for the patient."""
    patient = text(header, "PatientID")
    return {
        "patient": patient,
        "patient_digest": digest(f"patient {patient}", secret),
        "study": text(header, "StudyInstanceUID"),
        "series": text(header, "SeriesInstanceUID"),
    }


def keep_ids(path: Path, known: dict[str, dict[str, str]]) -> None:
    """Write which patient and series is behind each id, readable by the user alone; raises SegkitError."""
    try:
        write_json(path, known)
        path.chmod(0o600)
    except OSError as error:
        raise SegkitError(f"cannot write {path}: {error.strerror}", "name another file") from None
