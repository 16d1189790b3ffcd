"""Playing a state machine of hypothesis, which then is the test."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test


def played(machine: type[RuleBasedStateMachine], examples: int, steps: int) -> None:
    """Play so many games of at most so many steps; one that fails is told as the shortest that does."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
            database=None,
        ),
    )
