"""ecs/template.yaml as the local AWS takes it: what has to be changed, and why.

Each change is one fault of ministack 1.5.33. Everything else is deployed as it is.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["UNKNOWN", "adapted"]

Json = dict[str, Any]

UNKNOWN: Final = {
    "AWS::ApplicationAutoScaling::ScalableTarget": "no such type there",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "the same",
    "AWS::AutoScaling::AutoScalingGroup": "refused even if its condition does not hold",
    "AWS::CloudTrail::Trail": "the same",
    "AWS::EC2::SecurityGroupIngress": "no such type there",
    "AWS::Logs::QueryDefinition": "no such type there",
}
"""Resources that are left out."""
_LISTS: Final = ("HealthCheck", "LinuxParameters", "Secrets", "Ulimits")
"""Members of a container whose members it passes on to ECS as they are spelled."""


def adapted(template: Json) -> Json:
    """The template with these changes; changes what it is given."""
    resources = template["Resources"]
    gone = {name for name, one in resources.items() if one["Type"] in UNKNOWN}
    for name in gone:
        del resources[name]
    for resource in resources.values():
        if "DependsOn" in resource:
            resource["DependsOn"] = [
                name for name in resource["DependsOn"] if name not in gone
            ]
    # A parameter of type Number reaches its ECS as a string, which cannot be counted.
    resources["Service"]["Properties"]["DesiredCount"] = 1
    # It knows no public parameters of SSM.
    template["Parameters"]["InstanceImage"] = {"Type": "String", "Default": "ami-0"}
    properties = resources["TaskDefinition"]["Properties"]
    for container in properties["ContainerDefinitions"]:
        for member in _LISTS:
            container[member] = _in_camel_case(container[member])
    properties["Volumes"] = _in_camel_case(properties["Volumes"])
    return template


def _in_camel_case(value: Any) -> Any:
    if isinstance(value, list):
        return [_in_camel_case(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        _spelled(key): item if key.startswith("Fn::Sub") else _in_camel_case(item)
        for key, item in value.items()
    }


def _spelled(key: str) -> str:
    function = key.startswith("Fn::") or key in ("Ref", "Condition")
    return key if function else key[0].lower() + key[1:]
