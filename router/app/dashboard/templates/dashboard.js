// Three small comforts. Every page works without them.
"use strict";

// Times in the zone of whoever looks: said once, then the server writes them so.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const said = `turnout-zone=${zone}`;
if (zone && !document.cookie.split("; ").includes(said)) {
  document.cookie = `${said}; Path=/dashboard; Max-Age=31536000; SameSite=Lax`;
  if (document.cookie.split("; ").includes(said) && document.getElementById("main").dataset.zone !== zone) location.reload();
}

// The live part is fetched anew; not while it is hidden, paused, focused or being selected.
const live = document.getElementById("live");
if (live) {
  const pause = document.getElementById("pause");
  let paused = false;
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Go on" : "Pause";
    pause.setAttribute("aria-pressed", String(paused));
  });
  const busy = () =>
    paused || document.hidden || live.contains(document.activeElement) || live.querySelector("details[open]") ||
    !getSelection().isCollapsed;
  const again = async () => {
    if (!busy()) {
      try {
        const answer = await fetch(location.href, { headers: { accept: "text/html" } });
        if (answer.redirected) return location.reload();
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
        if (fresh && !busy()) live.replaceChildren(...fresh.childNodes);
      } catch {
        // The endpoint is away; what was seen last stays, with its time.
      }
    }
    setTimeout(again, Number(live.dataset.every));
  };
  setTimeout(again, Number(live.dataset.every));
}

// Naming a day means that days are asked for.
for (const name of ["since", "until"]) {
  document.getElementById(name)?.addEventListener("change", () => {
    document.getElementById("span").value = "days";
  });
}
