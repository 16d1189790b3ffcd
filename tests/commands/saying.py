"""What commands of the program say."""

from __future__ import annotations

from click import Command
from click.testing import CliRunner, Result
from flask import Flask


def invoke(app: Flask, command: Command, *arguments: str) -> Result:
    """Run a command and return how it went."""
    runner = app.test_cli_runner()
    assert isinstance(runner, CliRunner)
    return runner.invoke(command, arguments)


def said(app: Flask, command: Command, *arguments: str) -> str:
    """Return what a command printed, where all went well."""
    result = invoke(app, command, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()
