# SPDX-License-Identifier: GPL-3.0-or-later
"""The installer OVA over HTTP: GET and HEAD, one byte range, a strong ETag (RFC 9110 section 14)."""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import Response, StreamingResponse

PREFIX = "/lab-ova/"
NAME = "palette-installer.ova"
RANGE = re.compile(r"^bytes=(\d*)-(\d*)$")


def location(site: dict) -> str:
    """Where GET /v1/overlords/vsphere/ova says that the OVA is."""
    return f"https://{site['palette']['listen']}{PREFIX}{NAME}"


def answer(lab: Any, method: str, path: str, headers: dict[str, str]) -> Response:
    """200, 206, 304, 404, 405 or 416."""
    if method not in ("GET", "HEAD"):
        return Response(b"method not allowed", 405, {"Allow": "GET, HEAD"}, "text/plain")
    settings = lab.store.site.get("settings", {})
    try:
        ova = lab.ova.open_ova(path[len(PREFIX):], int(settings.get("ova_mib") or 64), int(settings.get("seed") or 1))
    except (KeyError, AttributeError):
        return Response(b"no such file", 404, media_type="text/plain")
    if headers.get("if-none-match") in (ova.etag, "*"):
        return Response(None, 304, {"ETag": ova.etag})
    wanted = headers.get("range", "") if headers.get("if-range") in (None, ova.etag) else ""
    start, end, status = span(wanted, ova.size)
    shown = {"ETag": ova.etag, "Accept-Ranges": "bytes", "Content-Disposition": f'attachment; filename="{path[len(PREFIX):]}"'}
    if status == 416:
        return Response(b"", 416, {**shown, "Content-Range": f"bytes */{ova.size}"})
    if status == 206:
        shown["Content-Range"] = f"bytes {start}-{end - 1}/{ova.size}"
    shown["Content-Length"] = str(end - start)
    return StreamingResponse(iter(()) if method == "HEAD" else ova.iterate(start, end), status, shown, "application/octet-stream")


def span(text: str, size: int) -> tuple[int, int, int]:
    """First byte, byte after the last, status. What is no single byte range is ignored, as the RFC allows."""
    found = RANGE.match(text.strip())
    if not found or found.groups() == ("", ""):
        return 0, size, 200
    first, last = found.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if first and last and int(last) < int(first):
        return 0, size, 200
    if start >= size or start == end:
        return 0, size, 416
    return start, end, 206
