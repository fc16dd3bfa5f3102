# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests and answers against the OpenAPI (Swagger 2.0) file, when the site names one. Read at the first request that needs it."""

from __future__ import annotations

import json
import threading
from typing import Any

from palette_lab.errors import RouterError

CODES = {"type": 601, "required": 602, "maxLength": 603, "minLength": 604, "pattern": 605, "enum": 606, "multipleOf": 607, "uniqueItems": 608,
         "maxItems": 609, "minItems": 610}


class Spec:
    """Validators by operation, made on first use out of the definitions that the operation reaches."""

    def __init__(self, path: str | None) -> None:
        self.path = path
        self._document: dict | None = None
        self._validators: dict[tuple, Any] = {}
        self._lock = threading.Lock()

    def operation(self, method: str, template: str) -> dict | None:
        """The operation with `parameters` of the path merged in; None without a file or for a route that is the lab's own."""
        if not self.path:
            return None
        with self._lock:
            if self._document is None:
                with open(self.path, encoding="utf-8") as file:
                    self._document = json.load(file)
        item = self._document["paths"].get(template, {})
        operation = item.get(method.lower())
        if operation is None:
            return None
        return dict(operation, parameters=list(operation.get("parameters", [])) + list(item.get("parameters", [])))

    def problems(self, key: tuple, schema: dict, value: Any, strict: bool) -> list:
        """jsonschema errors of value, nearest the root first."""
        with self._lock:
            validator = self._validators.get(key)
            if validator is None:
                validator = self._validators[key] = self._validator(schema, strict)
        return sorted(validator.iter_errors(value), key=lambda error: (len(error.absolute_path), [str(part) for part in error.absolute_path], error.message))

    def _validator(self, schema: dict, strict: bool) -> Any:
        import jsonschema  # takes longer to import than the rest of the server
        definitions = completed_each(reachable(schema, self._document["definitions"]), strict)
        return jsonschema.Draft4Validator({"allOf": [completed(schema, strict)], "definitions": definitions})


def reachable(schema: Any, definitions: dict) -> dict:
    found: dict[str, dict] = {}
    todo = [schema]
    while todo:
        node = todo.pop()
        if isinstance(node, list):
            todo.extend(node)
        elif isinstance(node, dict):
            name = str(node["$ref"]).rpartition("/")[2] if isinstance(node.get("$ref"), str) else ""
            if name and name not in found:
                found[name] = definitions[name]
                todo.append(definitions[name])
            todo.extend(value for value in node.values() if isinstance(value, (dict, list)))
    return found


def completed(schema: Any, strict: bool) -> Any:
    """The same schema with "type": "object" wherever there are properties (many definitions leave it out); `strict` refuses unknown fields, too."""
    if isinstance(schema, list):
        return [completed(each, strict) for each in schema]
    if not isinstance(schema, dict):
        return schema
    whole = {key: completed_each(value, strict) if key == "properties" else value if key in ("enum", "required", "default") else completed(value, strict)
             for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict):
        whole.setdefault("type", "object")
        if strict:
            whole.setdefault("additionalProperties", False)
    return whole


def completed_each(named: dict, strict: bool) -> dict:
    """`completed` for a map of schemas whose keys are names, not keywords."""
    return {name: completed(schema, strict) for name, schema in named.items()}


def without_nulls(value: Any) -> Any:
    """Go clients send null for empty lists, maps and zero values (palette-api 10, decision 12)."""
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [without_nulls(each) for each in value]
    return value


def check_request(spec: Spec, method: str, template: str, query: dict[str, str], path: dict[str, str], body: Any) -> None:
    """Raises RouterError 422 with go-openapi's code and text: 601 wrong type, 602 required, 606 not in the enumeration."""
    operation = spec.operation(method, template)
    if operation is None:
        return
    for parameter in operation["parameters"]:
        if parameter["in"] == "body":
            _check_body(spec, (method, template, "body"), parameter, body)
        elif parameter["in"] in ("query", "path"):
            _check_parameter(parameter, (query if parameter["in"] == "query" else path).get(parameter["name"]))


def _check_parameter(parameter: dict, text: str | None) -> None:
    name, where = parameter["name"], parameter["in"]
    if text is None or (text == "" and parameter.get("required")):
        if parameter.get("required"):
            raise RouterError(422, 602, f"{name} in {where} is required")
        return
    if text == "":
        return
    if parameter.get("type") == "integer" and not text.lstrip("-").isdigit():
        raise RouterError(422, 601, f"{name} in {where} must be of type {parameter.get('format', 'integer')}: \"{text}\"")
    if parameter.get("type") == "boolean" and text.lower() not in ("true", "false", "1", "0", "t", "f"):
        raise RouterError(422, 601, f"{name} in {where} must be of type boolean: \"{text}\"")
    if parameter.get("enum") and text not in parameter["enum"]:
        raise RouterError(422, 606, f"{name} in {where} should be one of [{' '.join(map(str, parameter['enum']))}]")


def _check_body(spec: Spec, key: tuple, parameter: dict, body: Any) -> None:
    if body is None:
        if parameter.get("required"):
            raise RouterError(422, 602, "body in body is required")
        return
    problems = spec.problems(key, parameter["schema"], body, strict=False)
    if problems:
        raise as_router_error(problems[0])


def as_router_error(problem: Any) -> RouterError:
    path = ".".join(str(part) for part in problem.absolute_path)
    where = f"{path} in body" if path else "body in body"
    if problem.validator == "required":
        missing = next(name for name in problem.validator_value if name not in problem.instance)
        return RouterError(422, 602, f"{path + '.' if path else ''}{missing} in body is required")
    if problem.validator == "type":
        return RouterError(422, 601, f"{where} must be of type {problem.validator_value}: \"{type(problem.instance).__name__}\"")
    if problem.validator == "enum":
        return RouterError(422, 606, f"{where} should be one of [{' '.join(map(str, problem.validator_value))}]")
    return RouterError(422, CODES.get(problem.validator, 422), f"{where} does not satisfy {problem.validator} {problem.validator_value}")


def answer_problems(spec: Spec, method: str, template: str, status: int, body: Any, is_json: bool) -> list[str]:
    """What is wrong with an answer: an undeclared success code, a wrong type, a missing or an unknown field."""
    operation = spec.operation(method, template)
    if operation is None:
        return []
    declared = operation["responses"].get(str(status))
    if declared is None:
        return [f"status {status} is not among {sorted(operation['responses'])}"]
    schema = declared.get("schema")
    if schema is None:
        return [] if body is None else ["a body where none is declared"]
    if schema.get("format") == "binary":
        return [] if not is_json else ["JSON where a file is declared"]
    problems = spec.problems((method, template, status), schema, body, strict=True)
    return ["/".join(str(part) for part in problem.absolute_path) + ": " + problem.message[:200] for problem in problems]
