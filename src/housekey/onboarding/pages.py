"""The templates, read and compiled; afterwards no file is opened."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import DictLoader, Environment, StrictUndefined


def environment() -> Environment:
    """Return an environment that holds every template, escapes everything and forgives nothing."""
    folder = files(__package__).joinpath("templates")
    sources = {each.name: each.read_text(encoding="utf-8") for each in folder.iterdir()}
    made = Environment(
        loader=DictLoader(sources),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    for name in sources:
        made.get_template(name)  # compiles it
    return made
