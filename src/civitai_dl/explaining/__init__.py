"""How a single thing of an archive stands, and why; read beside whoever works on it."""

from ._answer import Answer, Explanation
from ._explain import explain
from ._subject import FileTarget, Subject, read_subject

__all__ = ["Answer", "Explanation", "FileTarget", "Subject", "explain", "read_subject"]
