# SPDX-License-Identifier: GPL-3.0-or-later
"""Paging, filters and sorting of lists (palette-api 1.6), and the search body of the dashboards (5.2)."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any, Callable

from palette_lab import errors

PAGE = 50


def paginate(items: list, query: dict[str, str]) -> dict:
    """{"items", "listmeta"} with the page that limit, offset and continue ask for. limit: default 50, at most 50, 0 = all."""
    limit = min(_number(query, "limit", PAGE), PAGE)
    offset = _number(query, "offset", 0)
    if query.get("continue"):
        offset = _offset_of(query["continue"])
    page = items[offset:] if limit == 0 else items[offset:offset + limit]
    end = offset + len(page)
    token = _token(end, len(items)) if end < len(items) else ""
    return {"items": page, "listmeta": {"continue": token, "count": len(items), "limit": limit, "offset": offset if not token else end}}


def _number(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if text == "":
        return default
    try:
        value = int(text)
    except ValueError:
        raise errors.RouterError(422, 601, f"{name} in query must be of type int64: \"{text}\"") from None
    if value < 0:
        raise errors.refused("InvalidRequest", f"{name} is {value}, it must not be negative")
    return value


def _token(offset: int, count: int) -> str:
    return base64.b64encode(json.dumps({"offset": offset, "count": count, "token": ""}, separators=(",", ":")).encode()).decode()


def _offset_of(token: str) -> int:
    try:
        value = json.loads(base64.b64decode(token, validate=True))
        return max(0, int(value["offset"]))
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise errors.refused("InvalidRequest", f"The continue token '{token}' is not one that this server gave out") from None


def field(item: Any, path: str) -> Any:
    """Value at a dotted path, None where the path ends early."""
    for part in path.split("."):
        if not isinstance(item, dict):
            return None
        item = item.get(part)
    return item


def select(items: list[dict], query: dict[str, str]) -> list[dict]:
    """`filters=a.b=xANDc.d=y` (AND binds stronger than OR), then `orderBy=a.b=1,c.d=-1`."""
    if query.get("filters"):
        groups = [[_condition(part) for part in group.split("AND")] for group in query["filters"].split("OR")]
        items = [item for item in items if any(all(_text(field(item, key)) == value for key, value in group) for group in groups)]
    for part in reversed([each for each in query.get("orderBy", "").split(",") if each]):
        key, direction = _condition(part)
        items = sorted(items, key=lambda item, key=key: _text(field(item, key)), reverse=direction.startswith("-"))
    return items


def _condition(text: str) -> tuple[str, str]:
    key, found, value = text.partition("=")
    if not found or not re.fullmatch(r"[A-Za-z][\w.]*", key.strip()):
        raise errors.refused("InvalidRequest", f"'{text}' is not of the form field=value")
    return key.strip(), value.strip()


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def search(items: list[Any], body: dict | None, value_of: Callable[[Any, str], Any], sort_fields: set[str]) -> list[Any]:
    """Items that match v1SearchFilterSummarySpec. `value_of(item, property)` raises KeyError for a property that is not indexed.

    What the SDK leaves out (bool value, negation, ignoreCase, sort) is false or empty (palette-api 5.2).
    """
    body = body or {}
    try:
        found = [item for item in items if _group(item, body.get("filter") or {}, value_of)]
        for sort in reversed(body.get("sort") or []):
            name = sort.get("field", "")
            if name not in sort_fields:
                raise KeyError(name)
            found.sort(key=lambda item, name=name: _text(value_of(item, name)), reverse=sort.get("order") == "desc")
    except KeyError as error:
        raise errors.refused("InvalidRequest", f"The property {error} cannot be searched") from None
    return found


def _group(item: Any, spec: dict, value_of: Callable[[Any, str], Any]) -> bool:
    groups = [_filters(item, group, value_of) for group in spec.get("filterGroups") or []]
    return _joined(groups, spec.get("conjunction"))


def _filters(item: Any, group: dict, value_of: Callable[[Any, str], Any]) -> bool:
    return _joined([_matches(value_of(item, each.get("property", "")), each.get("condition") or {}) for each in group.get("filters") or []],
                   group.get("conjunction"))


def _joined(results: list[bool], conjunction: str | None) -> bool:
    if not results:
        return True
    return any(results) if conjunction == "or" else all(results)


def _matches(value: Any, condition: dict) -> bool:
    for kind, spec in condition.items():
        spec = spec or {}
        if kind == "bool":
            result = bool(value) == bool(spec.get("value"))
        elif kind == "string":
            result = _string(_text(value), spec)
        else:
            result = _compared(value, spec)
        if result == bool(spec.get("negation")):
            return False
    return True


def _string(value: str, spec: dict) -> bool:
    match = spec.get("match") or {}
    wanted = [str(each) for each in match.get("values") or []]
    if spec.get("ignoreCase"):
        value, wanted = value.lower(), [each.lower() for each in wanted]
    test = {"contains": lambda each: each in value, "beginsWith": value.startswith}.get(spec.get("operator", "eq"), lambda each: each == value)
    return _joined([test(each) for each in wanted], match.get("conjunction") or "or")


def _compared(value: Any, spec: dict) -> bool:
    operator = {"gt": lambda a, b: a > b, "gte": lambda a, b: a >= b, "lt": lambda a, b: a < b, "lte": lambda a, b: a <= b}.get(
        spec.get("operator", "eq"), lambda a, b: a == b)
    wanted = (spec.get("match") or {}).get("values") or [spec.get("value")]
    return any(each is not None and operator(value, each) for each in wanted)
