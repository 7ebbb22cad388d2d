# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""As much of launch and launch_ros as our launch file uses, for where they are not installed (they are not on PyPI)."""

from types import ModuleType, SimpleNamespace
from typing import Any


class LaunchContext:
    def __init__(self, argv: tuple[str, ...] = ()) -> None:
        self.launch_configurations: dict[str, str] = {}
        self.argv = argv


class LaunchDescription:
    def __init__(self, entities: list[Any]) -> None:
        self.entities = entities

    def get_launch_arguments(self) -> list[Any]:
        return [entity for entity in self.entities if isinstance(entity, DeclareLaunchArgument)]


class DeclareLaunchArgument:
    def __init__(self, name: str, *, default_value: str, description: str) -> None:
        self.name, self.default_value, self.description = name, default_value, description

    def execute(self, context: LaunchContext) -> None:
        context.launch_configurations.setdefault(self.name, self.default_value)


class OpaqueFunction:
    def __init__(self, *, function: Any) -> None:
        self.execute = function


class LaunchConfiguration:
    def __init__(self, name: str) -> None:
        self.name = name

    def perform(self, context: LaunchContext) -> str:
        return context.launch_configurations[self.name]


class Node:
    """Keeps what it is given; only what launch_ros takes."""

    def __init__(
        self,
        *,
        package: str,
        executable: str,
        namespace: str,
        name: str = '',
        arguments: Any = (),
        parameters: Any = (),
        remappings: Any = (),
        **options: Any,
    ) -> None:
        assert options.keys() <= {'emulate_tty', 'output', 'respawn', 'respawn_delay'}
        self.node_executable, self.respawn = executable, options.get('respawn', False)
        self.parameters, self.remappings, self.arguments = list(parameters), list(remappings), list(arguments)


def modules() -> dict[str, Any]:
    """The modules by name."""
    keep = SimpleNamespace  # of conditions and paths nothing is asked
    contents: dict[str, dict[str, Any]] = {
        'launch': {'LaunchContext': LaunchContext, 'LaunchDescription': LaunchDescription},
        'launch.actions': {'DeclareLaunchArgument': DeclareLaunchArgument, 'OpaqueFunction': OpaqueFunction},
        'launch.substitutions': {
            'LaunchConfiguration': LaunchConfiguration,
            'PathJoinSubstitution': lambda parts: keep(parts=parts),
        },
        'launch_ros': {},
        'launch_ros.actions': {'Node': Node},
        'launch_ros.substitutions': {'FindPackageShare': lambda name: keep(name=name)},
    }
    made: dict[str, Any] = {}
    for name, things in contents.items():
        made[name] = ModuleType(name)
        vars(made[name]).update(things)
    return made
