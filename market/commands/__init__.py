"""Commands by area: parse, call, print. `cli.py` composes them with the agents; bodies import what is heavy."""
