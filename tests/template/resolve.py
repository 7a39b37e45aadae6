"""A template as CloudFormation would see it for some parameters.

Conditions are decided, mappings looked up, and ``AWS::NoValue`` is taken out. What
only exists once a stack does (``Fn::GetAtt``, ``Ref`` of a resource) stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import attrs

__all__ = ["Stack"]

Json = dict[str, Any]

_PSEUDO: Final = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::StackName": "go-mcp-commander",
    "AWS::URLSuffix": "amazonaws.com",
}
_NEEDED: Final = {
    "VpcId": "vpc-12345678",
    "LoadBalancerSubnets": "subnet-12345678,subnet-23456789",
    "TaskSubnets": "subnet-34567890,subnet-45678901",
}
"""Parameters that have no default."""
_NO_VALUE: Final = {"Ref": "AWS::NoValue"}


@attrs.frozen
class Stack:
    """A template with parameters.

    Args:
        template: As ``tools.load`` gives it.
        given: Parameters that differ from their defaults.
    """

    template: Json
    given: dict[str, str] = attrs.field(factory=dict)

    @property
    def resources(self) -> dict[str, Json]:
        """All resources whose condition holds, resolved."""
        return {
            name: self.value(resource)
            for name, resource in self.template["Resources"].items()
            if "Condition" not in resource or self.holds(resource["Condition"])
        }

    def properties(self, name: str) -> Json:
        """The properties of one resource."""
        found: Json = self.resources[name]["Properties"]
        return found

    def of_type(self, kind: str) -> dict[str, Json]:
        """The properties of all resources of a type, by their names."""
        return {
            name: resource["Properties"]
            for name, resource in self.resources.items()
            if resource["Type"] == kind
        }

    @property
    def whole(self) -> Json:
        """The template that is left."""
        resources = {
            name: {key: item for key, item in resource.items() if key != "Condition"}
            for name, resource in self.resources.items()
        }
        return {**self.template, "Resources": resources}

    def refusals(self) -> list[str]:
        """What the template's own rules have against these parameters."""
        return [
            assertion["AssertDescription"]
            for rule in self.template["Rules"].values()
            if self.value(rule["RuleCondition"])
            for assertion in rule["Assertions"]
            if not self.value(assertion["Assert"])
        ]

    def holds(self, condition: str) -> bool:
        """Whether a condition of the template holds."""
        return bool(self.value(self.template["Conditions"][condition]))

    def parameter(self, name: str) -> Any:
        """The value of a parameter."""
        spec = self.template["Parameters"][name]
        value = self.given.get(name, spec.get("Default", _NEEDED.get(name)))
        if spec["Type"].startswith("List<"):
            return str(value).split(",")
        return value

    def value(self, node: Any) -> Any:
        """A part of the template, resolved."""
        if isinstance(node, list):
            items = [self.value(item) for item in node]
            return [item for item in items if item != _NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((name, argument),) = node.items()
            function = _FUNCTIONS.get(name)
            if function is not None:
                return function(self, argument)
        members = {key: self.value(item) for key, item in node.items()}
        return {key: item for key, item in members.items() if item != _NO_VALUE}

    # --- functions ---------------------------------------------------------------

    def _ref(self, name: str) -> Any:
        if name in self.template["Parameters"]:
            return self.parameter(name)
        return _PSEUDO.get(name, {"Ref": name})

    def _if(self, argument: list[Any]) -> Any:
        condition, yes, no = argument
        return self.value(yes if self.holds(condition) else no)

    def _condition(self, argument: Any) -> Any:
        # As a member of a statement of IAM it is something else.
        if isinstance(argument, str):
            return self.holds(argument)
        return {"Condition": self.value(argument)}

    def _find_in_map(self, argument: list[Any]) -> Any:
        name, first, second = self.value(argument)
        return self.template["Mappings"][name][first][second]

    def _sub(self, argument: Any) -> Any:
        text, names = (argument, {}) if isinstance(argument, str) else argument
        known = {name: self.value(item) for name, item in names.items()}

        def replaced(match: re.Match[str]) -> str:
            value = known.get(match[1], self._ref(match[1]))
            return match[0] if isinstance(value, dict) else str(value)

        found = re.sub(r"\$\{([\w:.]+)\}", replaced, text)
        left = {name: item for name, item in known.items() if f"${{{name}}}" in found}
        if "${" not in found:
            return found
        return {"Fn::Sub": [found, left] if left else found}


_FUNCTIONS: Final[dict[str, Callable[[Stack, Any], Any]]] = {
    "Ref": Stack._ref,
    "Condition": Stack._condition,
    "Fn::If": Stack._if,
    "Fn::Equals": lambda self, items: self.value(items[0]) == self.value(items[1]),
    "Fn::Not": lambda self, items: not self.value(items[0]),
    "Fn::FindInMap": Stack._find_in_map,
    "Fn::Sub": Stack._sub,
}
