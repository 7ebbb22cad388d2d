# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""An answer to every request for a transition: rclpy gives none to one that its state machine refuses."""

from typing import Any

from rclpy.lifecycle import LifecycleNode


def answer_all_transitions(node: LifecycleNode) -> None:
    """Have ``~/change_state`` answer ``success=False``, and log why, where a transition is not possible now.

    A request names the transition by its label or, without one, by its id. rclpy raises for an unknown id, and the
    caller, a lifecycle manager mostly, would wait for ever.
    """
    service, machine = node._service_change_state, node._state_machine
    change = service.callback

    def answered(request: Any, response: Any) -> Any:
        wanted = request.transition
        possible = {number: label for number, label, *_ in machine.available_transitions}
        if wanted.label in possible.values() if wanted.label else wanted.id in possible:
            return change(request, response)
        node.get_logger().warning(
            f'change_state: {wanted.label or wanted.id!r} is not possible while {machine.current_state[1]}; '
            f'possible: {", ".join(f"{label} ({number})" for number, label in possible.items())}'
        )
        response.success = False
        return response

    service.callback = answered
