/* The panel of housekey in Home Assistant's sidebar. One web component, no build step, nothing from
 * elsewhere. It shows the last message of the command housekey/overview and keeps no state besides.
 * Its words are Home Assistant's translations of this integration, under config_panel; what is
 * wrong and what to do is said with the words of its repairs.
 *
 * render() builds what should be there; morph() changes the page into it, so that focus stays. */

const DAY = 86400000;
const TEXTS = "component.housekey.";
const NOMINAL = { leaf: 397, issuing: 3650, root: 3650 }; // days; for the bar, where the birth is not known
const ICONS = { iphone: "cellphone", ipad: "tablet", mac: "laptop", android: "cellphone", windows: "monitor", linux: "laptop", chromeos: "laptop" };
const HOUSE = "M16 2.5 2 14.2c-.8.7-.3 2 .7 2H5V27a2.5 2.5 0 0 0 2.5 2.5h17A2.5 2.5 0 0 0 27 27V16.2h2.3c1 0 1.5-1.3.7-2z";
const KEYHOLE = "M16 12.5a3.6 3.6 0 0 0-1.7 6.8L13.5 25h5l-.8-5.7a3.6 3.6 0 0 0-1.7-6.8z";
const SVG = "http://www.w3.org/2000/svg";

const STYLE = `
:host { display: block; height: 100%; overflow: hidden auto; background: var(--primary-background-color); color: var(--primary-text-color);
  font-family: var(--ha-font-family-body, var(--paper-font-body1_-_font-family, Roboto, sans-serif)); font-size: 14px; line-height: 1.5; -webkit-text-size-adjust: 100%;
  --ok: var(--success-color, #43a047); --warn: var(--warning-color, #ffa600); --bad: var(--error-color, #db4437); --quiet: var(--secondary-text-color); }
*, ::before, ::after { box-sizing: border-box; }
[hidden] { display: none !important; }
header { position: sticky; top: 0; z-index: 2; display: flex; align-items: center; height: var(--header-height, 56px); padding: 0 12px; background: var(--app-header-background-color, var(--primary-color)); color: var(--app-header-text-color, var(--text-primary-color)); border-bottom: var(--app-header-border-bottom, none); }
h1 { margin: 0 0 0 12px; font-size: var(--ha-font-size-xl, 20px); font-weight: 400; }
main { display: grid; gap: 16px; padding: 16px; max-width: 1080px; margin: 0 auto; grid-template-columns: minmax(0, 1fr); }
main > div { display: grid; gap: 16px; align-content: start; min-width: 0; }
.card { background: var(--ha-card-background, var(--card-background-color, #fff)); border: var(--ha-card-border-width, 1px) solid var(--ha-card-border-color, var(--divider-color, #e0e0e0)); border-radius: var(--ha-card-border-radius, 12px); box-shadow: var(--ha-card-box-shadow, none); padding: 20px; overflow-wrap: anywhere; }
.card > :last-child, .text > :last-child { margin-bottom: 0; }
h2 { margin: 0 0 12px; font-size: 18px; font-weight: 500; line-height: 1.3; }
h3 { margin: 0; font-size: 15px; font-weight: 500; }
p { margin: 0 0 12px; }
.quiet { color: var(--quiet); }
ul, ol { list-style: none; margin: 0; padding: 0; }
a { color: var(--primary-color); }
.state { display: grid; grid-template-columns: 56px minmax(0, 1fr); gap: 16px; }
.state h2 { font-size: 22px; font-weight: 400; margin: 0 0 4px; }
.house { width: 56px; height: 56px; fill: var(--tone); }
.house .hole { fill: var(--ha-card-background, var(--card-background-color, #fff)); }
.ok { --tone: var(--ok); } .busy { --tone: var(--primary-color); } .warn { --tone: var(--warn); } .bad { --tone: var(--bad); } .calm { --tone: var(--quiet); }
.problem { border-left: 4px solid var(--bad); padding: 2px 0 2px 14px; margin-bottom: 16px; }
.problem p { margin: 4px 0 0; }
.certificates > li { margin-bottom: 18px; }
.row { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: baseline; gap: 0 12px; }
.left { font-weight: 500; }
.bar { height: 8px; margin: 6px 0; border-radius: 4px; background: var(--divider-color, #e0e0e0); overflow: hidden; }
.bar i { display: block; height: 100%; min-width: 4px; width: calc(var(--part) * 100%); border-radius: 4px; background: var(--tone); }
.small { font-size: 13px; line-height: 1.4; margin: 0; }
.names { display: flex; flex-wrap: wrap; gap: 6px; margin: 8px 0 20px; }
code, .code { font-family: var(--ha-font-family-code, ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace); }
.names li { padding: 2px 10px; border-radius: 12px; background: var(--secondary-background-color); font-size: 13px; }
.devices li { display: grid; grid-template-columns: 24px minmax(0, 1fr) auto; gap: 0 14px; align-items: center; padding: 8px 0; border-top: 1px solid var(--divider-color, #e0e0e0); }
.devices li:first-child { border-top: 0; }
.devices { margin-bottom: 12px; }
.devices ha-icon { color: var(--quiet); }
.page { display: grid; gap: 20px; grid-template-columns: minmax(0, 1fr); }
.qr { display: block; width: min(100%, 240px); margin: 0 auto; border: 1px solid var(--divider-color, #e0e0e0); border-radius: 12px; background: #fff; }
.urls { margin-bottom: 12px; }
.urls a { display: inline-block; padding: 6px 0; font-size: 15px; }
.fingerprint { display: grid; gap: 2px 14px; grid-template-columns: repeat(2, max-content); width: max-content; max-width: 100%; margin: 8px 0 0; padding: 10px 14px; border-radius: 8px; background: var(--secondary-background-color); font-size: clamp(12px, 3.7vw, 15px); font-weight: 600; letter-spacing: .02em; }
.actions { display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; }
button, .button { display: inline-flex; align-items: center; min-height: 44px; padding: 8px 20px; border: 1px solid transparent; border-radius: 22px; font: inherit; font-weight: 500; text-decoration: none; cursor: pointer; background: var(--primary-color); color: var(--text-primary-color, #fff); }
button.plain, .button.plain { background: none; border-color: var(--divider-color, #ccc); color: var(--primary-color); }
button[aria-disabled="true"] { opacity: .55; cursor: progress; }
:focus-visible { outline: 3px solid var(--primary-color); outline-offset: 2px; }
button:focus-visible, .button:focus-visible { outline-color: var(--primary-text-color); }
.said { margin: 12px 0 0; padding: 0; }
.said:empty { margin: 0; }
.actions:has(+ .said:empty) { margin-bottom: 0; }
.said.bad { border-left: 4px solid var(--bad); padding-left: 14px; }
dialog { border: 0; border-radius: var(--ha-dialog-border-radius, 24px); padding: 24px; max-width: min(28rem, calc(100vw - 32px)); background: var(--ha-dialog-surface-background, var(--card-background-color, #fff)); color: var(--primary-text-color); }
dialog::backdrop { background: rgba(0, 0, 0, .5); }
dialog .actions { justify-content: flex-end; margin-top: 20px; }
@media (max-width: 500px) { .card { padding: 16px; } .state { grid-template-columns: 40px minmax(0, 1fr); gap: 12px; } .house { width: 40px; height: 40px; } .state h2 { font-size: 20px; } }
@media (min-width: 900px) { main { padding: 24px; gap: 24px; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); } main > div { gap: 24px; } main > .wide { grid-column: 1 / -1; } .card { padding: 24px; } }
@media (prefers-reduced-motion: no-preference) { .bar i { transition: width .4s; } }
@media (forced-colors: active) { .bar { border: 1px solid; } .bar i { background: Highlight; forced-color-adjust: none; } }
`;

/* Build an element; false and null among the children are left out. */
function h(tag, attributes, ...children) {
  const svg = tag === "svg" || tag === "path" || tag === "rect";
  const element = svg ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {}))
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/* Make `now` look like `wanted`, and touch nothing that does already. */
function morph(now, wanted) {
  for (const { name } of [...now.attributes]) if (!wanted.hasAttribute(name)) now.removeAttribute(name);
  for (const { name, value } of wanted.attributes) if (now.getAttribute(name) !== value) now.setAttribute(name, value);
  const there = [...now.childNodes];
  const to = [...wanted.childNodes];
  to.forEach((node, at) => {
    const old = there[at];
    if (!old) now.append(node);
    else if (old.nodeName !== node.nodeName || (old.id || "") !== (node.id || "")) old.replaceWith(node);
    else if (node.nodeType === Node.TEXT_NODE) { if (old.data !== node.data) old.data = node.data; }
    else morph(old, node);
  });
  there.slice(to.length).forEach((node) => node.remove());
}

class HousekeyPanel extends HTMLElement {
  constructor() {
    super();
    this._overview = null;
    this._busy = ""; // the action under way
    this._said = { about: "", text: "", bad: false }; // what came of the last one
    const root = this.attachShadow({ mode: "open" });
    this._menu = document.createElement("ha-menu-button");
    this._main = h("main");
    this._dialog = h("dialog", { "aria-labelledby": "ask-title" });
    root.append(h("style", null, STYLE), h("header", null, this._menu, h("h1", null, "housekey")), this._main, this._dialog);
    root.addEventListener("click", (event) => {
      const button = event.target.closest("[data-action]");
      if (button) this._act(button.dataset.action);
    });
  }

  set hass(hass) {
    const before = this._hass;
    this._hass = hass;
    this._menu.hass = hass;
    if (!before || before.language !== hass.language) this._loadTexts();
    if (!before || before.connected !== hass.connected || before.localize !== hass.localize) this._render();
    if (this.isConnected) this._subscribe();
  }

  set narrow(narrow) { this._menu.narrow = narrow; }

  connectedCallback() {
    if (this._hass) this._subscribe();
  }

  disconnectedCallback() {
    this._unsubscribe();
  }

  async _loadTexts() {
    const load = this._hass.loadBackendTranslation;
    await Promise.all(["config_panel", "issues", "exceptions"].map((category) => load(category, "housekey")));
    this._hasTexts = true;
    this._render();
  }

  /* One subscription for each connection: after a restart of Home Assistant the commands may come
   * later than the connection, so it is tried again until they are there. */
  async _subscribe() {
    const connection = this._hass.connection;
    if (this._subscribed || !this._hass.connected) {
      if (!this._hass.connected) this._subscribed = null;
      return;
    }
    const mine = (this._subscribed = { end: null });
    try {
      const end = await connection.subscribeMessage(
        (overview) => { if (this._subscribed === mine) { this._overview = overview; this._render(); } },
        { type: "housekey/overview" }, { resubscribe: false });
      mine.end = end;
      if (this._subscribed !== mine) end().catch(() => {});
    } catch (error) {
      if (this._subscribed !== mine) return;
      this._overview = { running: false };
      this._render();
      setTimeout(() => {
        if (this._subscribed !== mine) return;
        this._subscribed = null;
        if (this.isConnected) this._subscribe();
      }, 3000);
    }
  }

  _unsubscribe() {
    const { end } = this._subscribed || {};
    this._subscribed = null;
    if (end) end().catch(() => {});
  }

  /* Words */

  _t(key, values) {
    return this._hass.localize(`${TEXTS}config_panel.${key}`, values);
  }

  _days(count) {
    return count === 1 ? this._t("certificates.one_day") : this._t("certificates.days", { days: this._number(count) });
  }

  _number(value) {
    return new Intl.NumberFormat(this._locale).format(value);
  }

  get _locale() {
    return this._hass.locale?.language || this._hass.language || "en";
  }

  _date(iso, withTime) {
    const zone = this._hass.locale?.time_zone === "server" ? this._hass.config.time_zone : undefined;
    return new Intl.DateTimeFormat(this._locale, { dateStyle: "medium", timeStyle: withTime ? "short" : undefined, timeZone: zone }).format(new Date(iso));
  }

  /* Doing */

  async _act(action) {
    if (this._busy) return;
    if (action === "ask") {
      this._renderDialog();
      this._dialog.showModal();
      return;
    }
    if (action === "cancel") return this._dialog.close();
    if (action === "renew") this._dialog.close();
    this._busy = action;
    this._say(action, this._t(`doing.${action}`));
    try {
      const command = action === "renew" ? "housekey/renew" : `housekey/onboarding/${action}`;
      await this._hass.callWS({ type: command });
      this._busy = "";
      this._say(action, this._t(`done.${action}`));
    } catch (error) {
      this._busy = "";
      this._say(action, this._t("failed", { reason: this._reason(error) }), true);
    }
  }

  _reason(error) {
    const { translation_domain: domain, translation_key: key, translation_placeholders: values } = error || {};
    const text = key && domain === "housekey" && this._hass.localize(`${TEXTS}exceptions.${key}.message`, values || {});
    return text || error?.message || String(error);
  }

  _say(about, text, bad = false) {
    const said = (this._said = { about, text, bad });
    this._render();
    if (this._busy || bad) return;
    setTimeout(() => { if (this._said === said) { this._said = { about: "", text: "", bad: false }; this._render(); } }, 30000);
  }

  /* Showing */

  _render() {
    if (!this._hass || !this._hasTexts) return;
    const shown = this._overview;
    const wanted = h("main");
    if (!shown) wanted.append(this._note("loading"));
    else if (!shown.running) wanted.append(this._gone());
    else {
      if (!this._hass.connected) wanted.append(this._offline(shown));
      wanted.append(
        h("div", null, this._state(shown), this._problems(shown), this._certificates(shown)),
        h("div", null, this._road(shown), this._onboarding(shown), this._devices(shown)));
    }
    morph(this._main, wanted);
  }

  _card(id, title, ...children) {
    return h("section", { class: "card", id, "aria-labelledby": `${id}-title` }, h("h2", { id: `${id}-title` }, title), children);
  }

  _note(key) {
    return h("section", { class: "card wide", id: key, role: "status" }, h("p", null, this._t(`${key}.text`)));
  }

  _gone() {
    const card = this._card("gone", this._t("gone.title"), h("p", null, this._t("gone.text")), this._settings());
    card.classList.add("wide");
    return card;
  }

  _settings() {
    return h("p", { class: "actions" }, h("a", { class: "button plain", href: "/config/integrations/integration/housekey" }, this._t("settings")));
  }

  /* Before a switch nobody knows the https address for sure, and after it nobody answers here. */
  _offline(shown) {
    const port = [443, null, undefined].includes(shown.https_port) ? "" : `:${shown.https_port}`;
    const moved = location.protocol === "http:" && shown.stage !== "kept" && `https://${location.hostname}${port}`;
    const url = shown.home_assistant_url || moved;
    return h("section", { class: "card wide", id: "offline", role: "status" },
      h("p", null, this._t("offline.text")), url && h("p", null, this._t("offline.address"), " ", h("a", { href: url }, url)));
  }

  _state(shown) {
    const { stage, reason, delivery, home_assistant_url: url } = shown;
    const tone = { plain: "calm", staged: "busy", trial: "busy", kept: shown.problems.length ? "warn" : "ok", reverted: "bad" }[stage];
    return h("section", { class: `card state ${tone}`, id: "state", "aria-labelledby": "state-title" },
      h("svg", { class: "house", viewBox: "0 0 32 32", "aria-hidden": "true" }, h("path", { d: HOUSE }), h("path", { class: "hole", d: KEYHOLE })),
      h("div", { class: "text" },
        h("h2", { id: "state-title" }, this._t(`stage.${stage}.title`)),
        h("p", null, this._t(`stage.${stage}.text`)),
        stage === "reverted" && reason && !shown.problems.length && h("p", null, this._t("stage.reason", { reason })),
        delivery !== "none" && h("p", { class: "quiet" }, this._t(`delivery.${delivery}`)),
        url && this._address(url),
        (stage === "plain" || stage === "reverted") && this._settings()));
  }

  _address(url) {
    const { origin } = new URL(url);
    if (origin === location.origin) return h("p", null, this._t("here"), " ", h("span", { class: "code" }, origin));
    return [
      h("p", { class: "actions" }, h("a", { class: "button", href: url, target: "_blank", rel: "noreferrer", "aria-describedby": "address" }, this._t("open"))),
      h("p", { class: "code quiet", id: "address" }, origin)];
  }

  _problems({ problems }) {
    if (!problems.length) return null;
    return this._card("problems", this._t("problems.title"),
      h("ul", { role: "list" }, problems.map((problem) => this._problem(problem))),
      h("p", { class: "actions" }, h("a", { class: "button plain", href: "/config/repairs" }, this._t("problems.repairs"))));
  }

  /* In the words of its repair, which is told under a key of its own where nobody but the user can
   * mend it. */
  _problem({ kind, data, fixable }) {
    const byHand = `${TEXTS}issues.${kind}_by_hand.`;
    const issue = !fixable && this._hass.localize(`${byHand}title`) ? byHand : `${TEXTS}issues.${kind}.`;
    const values = Object.fromEntries(Object.entries(data).map(([name, value]) => [name, /^\d{4}-\d\d-\d\d$/.test(value) ? this._date(`${value}T12:00:00`) : value]));
    const say = (key) => this._hass.localize(issue + key, values);
    const text = say("description") || say("fix_flow.step.confirm.description") || "";
    return h("li", { class: "problem" }, h("h3", null, say("title") || kind), text.split("\n\n").map((part) => h("p", null, part.replace(/[`*]/g, ""))));
  }

  _certificates(shown) {
    const kinds = shown.certificates.filter(({ ends }) => ends);
    return this._card("certificates", this._t("certificates.title"),
      h("ul", { class: "certificates", role: "list" }, kinds.map((certificate) => this._certificate(certificate, shown))),
      shown.names.length > 0 && [
        h("h3", { id: "names-title" }, this._t("names.title")),
        h("ul", { class: "names", role: "list", "aria-labelledby": "names-title" }, shown.names.map((name) => h("li", { class: "code" }, name)))],
      kinds.some(({ kind }) => kind === "leaf") && h("div", { class: "actions" },
        h("button", { class: "plain", "data-action": "ask", "aria-haspopup": "dialog", "aria-disabled": this._busy ? "true" : null }, this._t("renew.button"))),
      this._outcome("renew"));
  }

  _certificate({ kind, begins, ends, renews }, { at, road }) {
    const left = Math.max(0, Math.floor((Date.parse(ends) - Date.parse(at)) / DAY));
    const whole = begins ? (Date.parse(ends) - Date.parse(begins)) / DAY : NOMINAL[kind];
    const over = Date.parse(ends) <= Date.parse(at);
    const due = renews ? Date.parse(renews) <= Date.parse(at) : left < 365;
    const tone = over || left < 14 ? "bad" : due ? "warn" : "ok";
    const days = over ? this._t("certificates.over") : this._days(left);
    const until = this._t(over ? "certificates.since" : "certificates.until", { date: this._date(ends) });
    const note = kind !== "leaf" ? road === "private" && this._t(`certificates.${kind}.text`)
      : renews && road !== "own" && this._t(due ? "certificates.leaf.due" : "certificates.leaf.text", { date: this._date(renews) });
    return h("li", { class: tone },
      h("div", { class: "row" }, h("h3", { id: `${kind}-name` }, this._t(`certificates.${kind}.name`)), h("span", { class: "left" }, days)),
      h("div", { class: "bar", role: "meter", "aria-labelledby": `${kind}-name`, "aria-valuemin": 0, "aria-valuemax": Math.round(Math.max(whole, left)), "aria-valuenow": left, "aria-valuetext": `${days}, ${until}` },
        h("i", { style: `--part: ${Math.min(1, left / whole).toFixed(3)}` })),
      h("p", { class: "small quiet" }, until, note ? ". " : "", note || ""));
  }

  _devices({ devices, road }) {
    if (road !== "private" && devices.length === 0) return false;
    return this._card("devices", this._t("devices.title"),
      devices.length > 0 && h("ul", { class: "devices", role: "list" }, devices.map((device) => this._device(device))),
      devices.length === 0 && h("p", null, this._t("devices.none")),
      h("p", { class: "small quiet" }, this._t("devices.note")));
  }

  _device({ kind, browser, at }) {
    const known = (group, word) => this._t(`${group}.${word}`) || this._t(`${group}.other`);
    return h("li", null,
      h("ha-icon", { icon: `mdi:${ICONS[kind] || "devices"}`, "aria-hidden": "true" }),
      h("span", null, this._t("devices.device", { kind: known("kinds", kind), browser: known("browsers", browser) })),
      h("time", { class: "quiet small", datetime: at }, this._date(at, true)));
  }

  /* Where the certificate is another CA's, devices are not set up here. */
  _road({ road }) {
    return road !== "private" && this._card("road", this._t(`road.${road}.title`), h("p", null, this._t(`road.${road}.text`)));
  }

  _onboarding({ onboarding: { urls, code }, root, road }) {
    const on = urls.length > 0;
    if (road !== "private" && !on) return false;
    return this._card("onboarding", this._t("onboarding.title"),
      h("p", null, this._t(on ? "onboarding.on" : "onboarding.off")),
      on && h("div", { class: "page" },
        code && h("svg", { class: "qr", viewBox: `0 0 ${code.side} ${code.side}`, role: "img", "aria-label": this._t("onboarding.code", { address: urls[0] }), "shape-rendering": "crispEdges" },
          h("rect", { width: code.side, height: code.side, fill: "#fff" }), h("path", { d: code.path, fill: "#000" })),
        h("ul", { class: "urls", role: "list", "aria-label": this._t("onboarding.addresses") }, urls.map((url) => h("li", null, h("a", { class: "code", href: url, target: "_blank", rel: "noreferrer" }, url))))),
      on && [
        h("h3", { id: "fingerprint-title" }, this._t("fingerprint.title")),
        h("p", { class: "small quiet" }, this._t("fingerprint.text", { root: root.name })),
        this._fingerprint(root.sha256)],
      h("p", { class: "actions", style: on ? "margin-top: 20px" : null },
        h("button", { class: on ? "plain" : null, "data-action": on ? "stop" : "start", "aria-disabled": this._busy ? "true" : null }, this._t(`onboarding.${on ? "stop" : "start"}`))),
      this._outcome("start", "stop"));
  }

  /* In groups of four pairs, two in a line: as the eye compares. */
  _fingerprint(digest) {
    const groups = digest.toUpperCase().match(/.{8}/g).map((group) => group.match(/../g).join(":"));
    return h("div", { class: "fingerprint code", role: "group", "aria-labelledby": "fingerprint-title" }, groups.map((group) => h("span", null, group)));
  }

  /* What came of an action, beside its button; read out when it changes. */
  _outcome(...actions) {
    const { about, text, bad } = this._said;
    return h("p", { class: `said${bad ? " bad" : ""}`, role: "status", id: `said-${actions[0]}` }, actions.includes(about) ? text : "");
  }

  _renderDialog() {
    const delivery = this._overview.delivery;
    const wanted = h("dialog", { "aria-labelledby": "ask-title", "aria-describedby": "ask-text" },
      h("h2", { id: "ask-title" }, this._t("renew.title")),
      h("p", { id: "ask-text" }, this._t(`renew.${delivery}`)),
      h("div", { class: "actions" },
        h("button", { class: "plain", "data-action": "cancel" }, this._t("renew.cancel")),
        h("button", { "data-action": "renew" }, this._t("renew.confirm"))));
    morph(this._dialog, wanted);
  }
}

if (!customElements.get("housekey-panel")) customElements.define("housekey-panel", HousekeyPanel);
