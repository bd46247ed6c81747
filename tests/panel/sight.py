"""A signed-in browser in front of the panel of a real Home Assistant."""

from __future__ import annotations

import json
import shutil
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.browsers.waiting import soon
from tests.homes.install import ADMIN

if TYPE_CHECKING:
    from tests.browsers.chromium import Chromium
    from tests.homes.home import Home

# Home Assistant's frontend is shadow roots all the way down.
_DEEP = """
window.deep = (wanted, within = document) => {
  for (const each of within.querySelectorAll('*')) {
    if (each.matches(wanted)) return each;
    const found = each.shadowRoot && window.deep(wanted, each.shadowRoot);
    if (found) return found;
  }
  return null;
};
"""
_FLOW = "dialog-data-entry-flow"


class Sight:
    """What somebody sees and does there."""

    def __init__(self, browser: Chromium, url: str) -> None:
        self.browser = browser
        self.url = url

    def sign_in(self) -> None:
        """Fill in Home Assistant's form, as its first user."""
        assert self.browser.navigate(f"{self.url}/") == ""
        for name, text in (("username", ADMIN[1]), ("password", ADMIN[2])):
            assert soon(partial(self._fill, name, text)), f"no field {name}"
        self.browser.press("Enter")
        assert soon(lambda: self._deep("ha-sidebar", "true")), "not signed in"

    def open_panel(self) -> None:
        """Open the panel by its address, and wait until it shows something."""
        assert self.browser.navigate(f"{self.url}/housekey") == ""
        assert soon(lambda: self.ask("!!root.querySelector('main section')")), self.text()

    def ask(self, expression: str) -> Any:
        """Return the value of an expression; in it `root` is the panel's shadow root."""
        return self._deep("housekey-panel", f"((root) => {expression})(it.shadowRoot)")

    def text(self) -> str:
        """Everything that can be read in the panel."""
        said: str = self.ask("root.querySelector('main').innerText") or ""
        return said

    def click(self, action: str) -> None:
        """Press one of the panel's own buttons."""
        assert soon(lambda: self.ask(f"!!root.querySelector('[data-action={action}]')"))
        self.ask(f"root.querySelector('[data-action={action}]').click()")

    def press(self) -> str:
        """Press the main button of the dialog that is open; return what was written on it."""
        pressed = soon(
            lambda: self._last("ha-button[slot=primaryAction]", "it.click()"), seconds=10
        )
        assert pressed, "no button"
        return str(pressed)

    def choose(self, text: str) -> None:
        """Choose the line of a menu on which that is written."""
        pressed = soon(
            lambda: self._last("ha-list-item", "it.click()", within=_FLOW, saying=text) is not None,
            seconds=10,
        )
        assert pressed, f"no {text!r} in the menu"

    def dialog(self) -> str:
        """Everything that can be read in the dialog of a flow."""
        return str(self._last(_FLOW, "0", visible=False))

    def fill_in(self, *texts: str) -> None:
        """Type into the fields of the step, in their order."""
        typed = []
        for number, text in enumerate(texts):
            field = f"found[{number}]"
            typed.append(f"{field}.focus(), {field}.value = {json.dumps(text)}")
            typed += [
                f"{field}.dispatchEvent(new Event('{name}', {{bubbles: true, composed: true}}))"
                for name in ("input", "change")
            ]
        wanted, act = "input:not([type=checkbox])", ", ".join(typed)
        assert soon(lambda: self._last(wanted, act, within=_FLOW) is not None, seconds=10)

    def toggle_last(self) -> None:
        """Turn the last switch that can be seen."""
        assert soon(
            lambda: self._last("ha-switch", "it.click()", within=_FLOW) is not None, seconds=10
        )

    def _last(
        self, wanted: str, act: str, *, visible: bool = True, within: str = "html", saying: str = ""
    ) -> Any:
        """Find the last of them, do something to `it`, and return what is written on it."""
        shown = "&& each.getClientRects().length && each.checkVisibility()" if visible else ""
        shown += f"&& each.textContent.includes({json.dumps(saying)})" if saying else ""
        return self.browser.evaluate(
            f"""(() => {{
  const found = [];
  const walk = (node, inside) => {{
    for (const each of node.querySelectorAll('*')) {{
      const here = inside || each.matches({json.dumps(within)});
      if (here && each.matches({json.dumps(wanted)}) {shown}) found.push(each);
      if (each.shadowRoot) walk(each.shadowRoot, here);
    }}
  }};
  walk(document, {json.dumps(within == "html")});
  const it = found.at(-1);
  if (!it) return null;
  const said = [];
  const read = (node) => {{
    for (const each of node.childNodes) {{
      if (each.nodeType === Node.TEXT_NODE && each.data.trim()) said.push(each.data.trim());
      if (each.nodeType !== Node.ELEMENT_NODE || each.localName === 'style') continue;
      if (each.shadowRoot) read(each.shadowRoot);
      read(each);
    }}
  }};
  read(it.shadowRoot || it);
  if (it.shadowRoot) read(it);
  {act};
  return said.join('\\n');
}})()"""
        )

    def _fill(self, name: str, text: str) -> bool:
        value = json.dumps(text)
        return bool(
            self._deep(
                f"input[name={name}]",
                f"((field) => {{ field.focus(); field.value = {value};"
                " field.dispatchEvent(new Event('input', {bubbles: true, composed: true}));"
                " field.dispatchEvent(new Event('change', {bubbles: true, composed: true}));"
                " return true; })(it)",
            )
        )

    def _deep(self, wanted: str, expression: str) -> Any:
        found = f"((it) => it ? ({expression}) : null)(deep({json.dumps(wanted)}))"
        try:
            return self.browser.evaluate(f"(() => {{ {_DEEP} return {found}; }})()")
        except RuntimeError as error:
            if "navigated" not in str(error):
                raise
            return None  # to the form, or away from it, just now: asked again


def give_panel(home: Home, packed: Any, stand_in: Any) -> None:
    """Copy the integration into a Home Assistant that has not started, with the stand-in in it."""
    folder = home.config / "custom_components" / "housekey"
    shutil.copytree(packed, folder)
    shutil.copyfile(stand_in, folder / "__init__.py")
