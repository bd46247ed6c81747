// The onboarding page's script: one step at a time, and the proof in the background.
// Everything works without it; it asks nobody but the page itself and the proof beside it, and a
// Home Assistant that tries https right now.
"use strict";

(() => {
  const body = document.body;
  const facts = body.dataset; // proof, nonce, kind, shown, fingerprint, former, trial: see page.html
  const status = document.getElementById("status");
  const SECONDS = 1000;
  const PATIENCE = 10 * SECONDS; // for an answer; a refused certificate fails at once
  const PAUSE = 3 * SECONDS; // between two tries
  // So many tries fail before it says what is missing: once back from the settings, or else on
  // a computer, where nobody leaves the page.
  const TRIES_ONCE_BACK = 2;
  const TRIES = 20;
  const TRIES_BETWEEN_LOOKS = 4; // at whether the page itself still answers

  // iPadOS calls itself a Mac. No Mac has a touch screen.
  const kind = facts.kind === "mac" && navigator.maxTouchPoints > 1 ? "ipad" : facts.kind;
  if (kind !== facts.kind && !new URLSearchParams(location.search).has("kind")) {
    const query = new URLSearchParams(location.search);
    query.set("kind", kind);
    location.replace("?" + query + location.hash);
    return;
  }
  body.classList.toggle("own", facts.shown === kind);
  if (kind !== facts.kind) {
    const yours = document.querySelector(".yours");
    document.querySelector('.tabs a[href*="kind=' + kind + '&"]').append(yours);
  }

  // What this browser remembers, and only here. It may be forbidden to.
  const memory = (store, key) => ({
    get() { try { return store().getItem(key); } catch { return null; } },
    set(value) { try { store().setItem(key, value); } catch { /* then not */ } },
  });
  const proved = memory(() => localStorage, "housekey proved " + facts.fingerprint);
  const fetched = memory(() => sessionStorage, "housekey fetched " + facts.fingerprint);

  renewed();
  stepping();
  proving();

  // A browser that has proved an earlier root is told that there is a new one, or to forget the old

  function renewed() {
    const had = (facts.former || "").split(" ")
      .some((each) => each && memory(() => localStorage, "housekey proved " + each).get());
    if (!had) return;
    document.getElementById("new-root").hidden = Boolean(proved.get());
    const old = document.getElementById("old-root");
    if (old) old.open = true;
  }

  // One step at a time

  function stepping() {
    const list = document.querySelector(".steps");
    const steps = [...list.children];
    const [back, next, all] = ["back", "next", "all"].map((id) => document.getElementById(id));
    const at = memory(() => sessionStorage, "housekey step " + facts.shown + " " + list.dataset.way);
    let now = Math.min(Number(at.get()) || 0, steps.length - 1);

    function show(step) {
      now = step;
      at.set(String(now));
      steps.forEach((each, index) => each.classList.toggle("now", index === now));
      back.hidden = now === 0;
      next.hidden = now === steps.length - 1;
    }
    function go(by) {
      show(now + by);
      const heading = steps[now].querySelector("h3");
      heading.focus({ preventScroll: true });
      steps[now].scrollIntoView({ block: "nearest" });
    }
    function toggle() {
      const one = body.classList.toggle("stepping");
      all.textContent = one ? all.dataset.all : all.dataset.one;
      if (one) show(now);
      else back.hidden = next.hidden = true;
    }
    back.addEventListener("click", () => go(-1));
    next.addEventListener("click", () => go(1));
    all.addEventListener("click", toggle);
    toggle();
    document.querySelector(".pager").hidden = false;
  }

  // The proof

  function proving() {
    let nonce = facts.nonce;
    let until = Date.now() + 300 * SECONDS; // of the nonce; a fresh one says it itself
    let failures = 0;
    let timer = 0;
    let away = Boolean(fetched.get()); // since the download; on a phone, in the settings
    let busy = false;
    let leave = () => {}; // gives up what is being asked
    let again = Boolean(proved.get());
    let following = facts.trial !== undefined; // served by a Home Assistant that goes to https
    let ticket = ""; // for the proof at Home Assistant's own address
    if (again || kind !== facts.kind) nonce = ""; // that one says something else of this device

    for (const link of document.querySelectorAll("a[data-root]")) {
      link.addEventListener("click", () => { fetched.set("1"); failures = 0; away = false; });
    }
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) return soon(0); // back from the settings: look at once
      leave();
      away = Boolean(fetched.get());
      failures = 0;
    });
    for (const event of ["pageshow", "focus", "online"]) addEventListener(event, () => soon(0));
    say("waiting");
    soon(0);

    function soon(wait) {
      clearTimeout(timer);
      timer = setTimeout(look, wait);
    }

    async function look() {
      const trusted = facts.state === "trusted";
      if (busy || document.hidden || (trusted && !following)) return;
      busy = true;
      try {
        if (trusted) await follow();
        else say(await outcome());
      } catch {
        // The page was left, or the connection, in the middle of an answer: it is asked again.
      }
      busy = false;
      if (facts.state !== "trusted") soon(PAUSE);
      else if (following) soon(trusted ? PAUSE : 0);
    }

    // Waits until Home Assistant tries https, and then proves it at its own address: it is kept if
    // a browser that trusts the root gets through. It restarts meanwhile, and the page with it.
    async function follow() {
      const answer = await ask("/about.json", { cache: "no-store" });
      if (typeof answer === "string" || !answer.ok) return;
      const about = await answer.json();
      if (Boolean(about.trial) !== Boolean(facts.trial)) {
        following = false;
        location.reload(); // only then may it ask there, or is it told that all is done
      } else if (facts.trial) {
        again = true;
        if (!ticket && (await outcome()) !== "trusted") return;
        const spent = ticket;
        ticket = "";
        await ask(facts.trial + "?nonce=" + encodeURIComponent(spent), {
          mode: "cors", cache: "no-store", credentials: "omit",
        });
      }
    }

    async function outcome() {
      for (let fresh = 0; fresh < 2; fresh++) {
        if (!nonce || Date.now() > until) {
          const query = new URLSearchParams({ kind, again: again ? "1" : "0" });
          const answer = await ask("/nonce?" + query, { cache: "no-store" });
          if (answer === "left") return facts.state;
          if (typeof answer === "string") return "ended";
          if (!answer.ok) return "waiting"; // it has too much to do just now
          const given = await answer.json();
          nonce = given.nonce;
          until = Date.now() + given.seconds * SECONDS * 0.8;
        }
        const answer = await ask(facts.proof + "/proof?nonce=" + encodeURIComponent(nonce), {
          mode: "cors", cache: "no-store", credentials: "omit",
        });
        if (answer === "left") return facts.state;
        if (answer === "late") return "unreachable";
        if (answer === "refused") {
          failures += 1;
          if (failures % TRIES_BETWEEN_LOOKS === 0) {
            const page = await ask("/icon.svg", { method: "HEAD", cache: "no-store" });
            if (page === "refused" || page === "late") return "ended";
          }
          const enough = away ? TRIES_ONCE_BACK : TRIES;
          return fetched.get() && failures >= enough ? "missing" : "waiting";
        }
        if (answer.ok) {
          if (facts.trial) {
            ticket = (await answer.json()).trial || "";
            nonce = ""; // it is spent, and there may be another round
          }
          return "trusted";
        }
        nonce = ""; // used or old; the connection is trusted, but it has to be counted
      }
      return "waiting";
    }

    // A response; or "refused", at once; or "late", when nobody answers there; or "left", when the
    // page was left meanwhile: what was asked before a phone slept gets no answer.
    async function ask(address, options) {
      const patience = new AbortController();
      let late = false;
      const alarm = setTimeout(() => { late = true; patience.abort(); }, PATIENCE);
      leave = () => patience.abort();
      try {
        return await fetch(address, { ...options, signal: patience.signal });
      } catch {
        if (late) return "late";
        return patience.signal.aborted ? "left" : "refused";
      } finally {
        clearTimeout(alarm);
      }
    }

    // Only a change is said, or a screen reader would repeat it every few seconds.
    function say(state) {
      if (facts.state === state) return;
      facts.state = state;
      const own = body.classList.contains("own"); // not while it looks at the steps of another
      if (state === "trusted" && own) document.querySelector("main").prepend(status.closest(".status"));
      const said = document.getElementById(`say-${state}-${kind}`) || document.getElementById("say-" + state);
      status.replaceChildren(said.content.cloneNode(true));
      if (state !== "trusted") {
        // On a phone it stands below the steps, and what is missing must be seen.
        if (state !== "waiting") status.closest(".status").scrollIntoView({ block: "nearest" });
        return;
      }
      status.querySelector(".again").hidden = !again;
      proved.set("1");
      document.title = status.querySelector("h2").textContent;
      if (own) scrollTo({ top: 0 });
    }
  }
})();
