"""What bytes say they are, whatever the URL and the headers say.

The service names every image `.jpeg` and every video `.mp4`, sends wrong content types, and answers
with an error page where a file is due (observed).
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

HEAD_BYTES: Final = 4096
"""How much of the start of a file to show to these functions; a shorter file is no error."""

TAIL_BYTES: Final = 4096
"""How much of the end: room for what cameras and editors append behind the end mark."""

MediaKind = Literal["image", "video", "audio"]


@dataclass(frozen=True, slots=True)
class Media:
    """What a picture, film or sound is by its bytes: kind, and extension without a dot."""

    kind: MediaKind
    extension: str


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_MAGIC: Final[tuple[tuple[bytes, Media], ...]] = (
    (b"\x89PNG\r\n\x1a\n", Media("image", "png")),
    (b"\xff\xd8\xff", Media("image", "jpg")),
    (b"GIF87a", Media("image", "gif")),
    (b"GIF89a", Media("image", "gif")),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", Media("image", "jxl")),
    (b"\xff\x0a", Media("image", "jxl")),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", Media("image", "jp2")),
    (b"II*\x00", Media("image", "tif")),
    (b"MM\x00*", Media("image", "tif")),
    (b"8BPS\x00\x01", Media("image", "psd")),
    (b"FLV\x01", Media("video", "flv")),
    (b"\x00\x00\x01\xba", Media("video", "mpg")),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Media("video", "wmv")),
    (b"fLaC", Media("audio", "flac")),
    (b"ID3", Media("audio", "mp3")),
)
_RIFF: Final = {
    b"WEBP": Media("image", "webp"),
    b"WAVE": Media("audio", "wav"),
    b"AVI ": Media("video", "avi"),
}
_STILLS: Final = {
    **dict.fromkeys((b"avif", b"avis"), Media("image", "avif")),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), Media("image", "heic")),
}
_BRANDS: Final = {
    **_STILLS,
    b"qt  ": Media("video", "mov"),
    **dict.fromkeys((b"M4A ", b"M4B ", b"M4P "), Media("audio", "m4a")),
}
_ANY_STILL: Final = frozenset([b"mif1", b"msf1", b"miaf"])
_OLD_QUICKTIME: Final = frozenset([b"moov", b"mdat", b"wide", b"pnot"])
_BMP_HEADERS: Final = frozenset([12, 40, 52, 56, 64, 108, 124])
# MPEG layer III without tags: the sync bits, then a bit rate and a frequency that exist.
_MP3_FRAME: Final = re.compile(
    rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb]["
    + re.escape(bytes(rates for rates in range(0x10, 0xF0) if rates >> 2 & 3 in range(3)))
    + rb"]"
)
_BOXED: Final = _words("mp4 mov m4a avif heic heif")
_BOX: Final = 8  # bytes: length and type
_LONG_BOX: Final = 16  # with a length of 64 bits behind the type

_BINARY: Final = _words(
    "safetensors sft ckpt pt pth pt2 bin onnx gguf ggml h5 hdf5 keras pb tflite npz npy pkl pickle "
    "zip 7z rar gz xz bz2 zst tar png jpg jpeg webp gif avif heic jxl bmp tif psd mp4 mov webm mkv "
    "mp3 ogg wav flac m4a"
)
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_COMMENTS: Final = re.compile(rb"(?:<!--.*?-->\s*)+", re.DOTALL)
_HTML: Final = re.compile(rb"<(?:!doctype\s+html|[a-z][a-z0-9]*[\s>/])", re.IGNORECASE)
_XML: Final = re.compile(
    rb"<(?!(?i:!doctype\s+html))(?:[?]xml|!|(?:Error|svg|rss|feed|plist|x:xmpmeta)[\s>])"
)
_JSON: Final = re.compile(rb"[{\[]\s*(?:[\"{\[}\]]|-?[0-9]|true|false|null)")
_ERROR_KEY: Final = re.compile(rb"<Error>|\"(?:error|errors|message)\"\s*:")
_PAGES: Final = {"HTML": "an HTML page", "XML": "an XML answer", "JSON": "a JSON answer"}
_FREE_TEXT: Final = _words("txt md csv tsv log py js ts css sh bat ps1 srt vtt tex")
_MARKUP: Final = {
    **dict.fromkeys(_words("html htm xhtml mhtml"), _words("HTML XML")),
    **dict.fromkeys(_words("xml svg xmp rss plist"), _words("XML")),
    **dict.fromkeys(_words("json jsonl ipynb yaml yml toml ini cfg conf"), _words("JSON")),
}

_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_ZIP_END: Final = b"PK\x05\x06"
_SIGNATURES: Final[dict[str, tuple[bytes, ...]]] = {
    "gguf": (b"GGUF",),
    "zip": _ZIP,
    "npz": _ZIP,
    "7z": (b"7z\xbc\xaf\x27\x1c",),
    "rar": (b"Rar!\x1a\x07",),
    "gz": (b"\x1f\x8b",),
    "xz": (b"\xfd7zXZ\x00",),
    "npy": (b"\x93NUMPY",),
    "h5": (b"\x89HDF\r\n\x1a\n",),
}
_SIGNED_MEDIA: Final = _words("png jpg jpeg webp gif avif bmp mp4 webm mkv")
_SAFETENSORS: Final = _words("safetensors sft")
_SIGNED: Final = _SAFETENSORS | _SIGNED_MEDIA | frozenset(_SIGNATURES)
_LENGTH_FIELD: Final = 8
_SHORTEST_HEADER: Final = len("{}")
_LONGEST_HEADER: Final = 100_000_000  # the limit in the safetensors library itself


def sniff_media(head: bytes) -> Media | None:
    """Name the image, video or sound that begins with these bytes; None when it is none we know.

    head: the first bytes; 64 are enough for most types.
    Text formats (SVG) are never media here: they can carry scripts.
    """
    for magic, media in _MAGIC:
        if head.startswith(magic):
            return media
    return _by_container(head) or _by_weak_magic(head)


def looks_like_text_page(head: bytes, content_type: str | None, file_name: str) -> str | None:
    """Say what text came where this file is due ("an HTML page"), or None when nothing is wrong.

    head: the first bytes of the body, 512 or more where there are that many.
    content_type: the header, which alone proves nothing: the CDN has sent images as text/plain.
    file_name: its extension tells which text would be right; a `.json` or `.txt` may be text.
    """
    body = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    extension = _extension(file_name)
    if not body or extension in _FREE_TEXT or _CONTROL.search(body):
        return None
    page = _page_of(body)
    if page is not None and _is_wrong_page(page, body, extension):
        return _PAGES[page]
    declared = (content_type or "").partition(";")[0].strip().lower()
    is_declared = declared.startswith("text/") or declared.endswith(("json", "xml"))
    return "plain text" if is_declared and extension in _SIGNED else None


def media_ends_well(media: Media, head: bytes, tail: bytes, size: int) -> bool | None:
    """Tell whether the file is there to its end: True, False, or None when the type cannot tell.

    head, tail: the first and last bytes, `HEAD_BYTES` and `TAIL_BYTES` where there are that many;
    they may overlap. size: of the whole file in bytes.
    Bytes appended behind the end are no fault: phones and editors do so.
    """
    if media.extension == "png":
        return b"IEND\xaeB`\x82" in tail
    if media.extension == "jpg":
        # A motion photo carries a film behind the picture, so the end mark is nowhere near.
        moving = any(mark in head for mark in (b"MotionPhoto", b"MicroVideo", b"MPF\x00"))
        return True if b"\xff\xd9" in tail else (None if moving else False)
    if media.extension == "gif":
        return tail.endswith(b";") or b"\x00;" in tail
    if media.extension == "webp":
        return _little(head[4:8]) + 8 <= size
    if media.extension == "bmp":
        return _little(head[2:6]) <= size
    return _boxes_end_well(head, size) if media.extension in _BOXED else None


def weights_look_right(
    file_name: str, head: bytes, size: int, *, tail: bytes | None = None
) -> str | None:
    """Say what is wrong with a file for which the service offers no digest, or None.

    file_name: its extension tells what is due; an unknown extension is never wrong.
    head, tail: the first and last bytes, `HEAD_BYTES` and `TAIL_BYTES` where there are that many;
    without a tail the end is not judged. size: of the whole file in bytes.
    """
    extension = _extension(file_name)
    if size == 0:
        return "the file is empty"
    if extension not in _BINARY:
        return None
    # What a crash leaves where room was reserved and nothing written.
    if not head.strip(b"\x00"):
        return "it begins with nothing but zero bytes"
    if extension in _SAFETENSORS:
        return _safetensors_fault(head, size)
    return _signature_fault(extension, head, tail)


def _by_container(head: bytes) -> Media | None:
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head.startswith(b"\x1aE\xdf\xa3"):
        return Media("video", "webm" if b"webm" in head[:64] else "mkv")
    if head.startswith(b"OggS"):
        return Media("video", "ogv") if b"theora" in head[:64] else Media("audio", "ogg")
    if head[4:8] == b"ftyp":
        return _by_brand(head)
    return Media("video", "mov") if head[4:8] in _OLD_QUICKTIME else None


def _by_brand(head: bytes) -> Media:
    end = min(int.from_bytes(head[:4], "big"), 256)
    major, compatible = head[8:12], [head[at : at + 4] for at in range(16, end, 4)]
    if major in _BRANDS:
        return _BRANDS[major]
    if major in _ANY_STILL:
        named = (_STILLS[brand] for brand in compatible if brand in _STILLS)
        return next(named, Media("image", "heif"))
    return Media("video", "mp4")


def _by_weak_magic(head: bytes) -> Media | None:
    """Two bytes prove little; the fields behind them must make sense too."""
    if head.startswith(b"BM") and head[6:10] == bytes(4) and _little(head[14:18]) in _BMP_HEADERS:
        return Media("image", "bmp")
    return Media("audio", "mp3") if _MP3_FRAME.match(head) else None


def _page_of(body: bytes) -> str | None:
    comments = _COMMENTS.match(body)
    start = body[comments.end() :] if comments else body
    if _XML.match(start):
        return "XML"
    if _HTML.match(start):
        return "HTML"
    return "JSON" if _JSON.match(start) else None


def _is_wrong_page(page: str, body: bytes, extension: str) -> bool:
    if extension in _MARKUP:
        return page not in _MARKUP[extension]
    # A name that tells nothing may belong to any text, but not to a web page or to an error.
    return extension in _BINARY or page == "HTML" or _ERROR_KEY.search(body) is not None


def _boxes_end_well(head: bytes, size: int) -> bool | None:
    """Follow the chain of top-level boxes as far as the head shows it."""
    at = 0
    while at + _LONG_BOX <= len(head):
        length = int.from_bytes(head[at : at + 4], "big")
        if length == 1:
            length = int.from_bytes(head[at + _BOX : at + _LONG_BOX], "big")
        if length < _BOX or not head[at + 4 : at + _BOX].isalnum():
            return None  # 0 is "to the end of the file", whatever that is; the rest is no box
        at += length
    if at > size:
        return False
    return True if at == size else None


def _safetensors_fault(head: bytes, size: int) -> str | None:
    length = _little(head[:8])
    if not _SHORTEST_HEADER <= length <= _LONGEST_HEADER or head[8:9] != b"{":
        return "it does not begin like a .safetensors file"
    return "it ends inside its own header" if _LENGTH_FIELD + length > size else None


def _signature_fault(extension: str, head: bytes, tail: bytes | None) -> str | None:
    if extension in _SIGNATURES and not head.startswith(_SIGNATURES[extension]):
        return f"it does not begin like a .{extension} file"
    if extension in _SIGNED_MEDIA and sniff_media(head) is None:
        return "it does not begin like an image, a video or a sound"
    # PyTorch files (.pt, .ckpt, .bin) are zip archives too, or pickles, which have no end mark.
    is_cut_zip = tail is not None and head.startswith(b"PK\x03\x04") and _ZIP_END not in tail
    return "the end of the zip archive is missing" if is_cut_zip else None


def _little(field: bytes) -> int:
    return int.from_bytes(field, "little")


def _extension(file_name: str) -> str:
    return file_name.rpartition(".")[2].lower() if "." in file_name else ""
