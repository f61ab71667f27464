// Three conveniences. Every page works without them.
"use strict";

// The visitor's time zone goes into a cookie; the server then formats times in it.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const cookie = `turnout-zone=${zone}`;
if (zone && !document.cookie.split("; ").includes(cookie)) {
  document.cookie = `${cookie}; Path=/dashboard; Max-Age=31536000; SameSite=Lax`;
  if (document.cookie.split("; ").includes(cookie) && document.getElementById("main").dataset.zone !== zone) location.reload();
}

// Refresh the live part, except while it is hidden, paused, focused or selected.
const live = document.getElementById("live");
if (live) {
  const pause = document.getElementById("pause");
  let paused = false;
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Resume" : "Pause";
    pause.setAttribute("aria-pressed", String(paused));
  });
  const busy = () =>
    paused || document.hidden || live.contains(document.activeElement) || live.querySelector("details[open]") ||
    !getSelection().isCollapsed;
  const refresh = async () => {
    if (!busy()) {
      try {
        const answer = await fetch(location.href, { headers: { accept: "text/html" } });
        if (answer.redirected) return location.reload();
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
        if (fresh && !busy()) live.replaceChildren(...fresh.childNodes);
      } catch {
        // The endpoint is unreachable; the last state stays, with its time.
      }
    }
    setTimeout(refresh, Number(live.dataset.every));
  };
  setTimeout(refresh, Number(live.dataset.every));
}

// Choosing a day selects the "these days" period.
for (const name of ["since", "until"]) {
  document.getElementById(name)?.addEventListener("change", () => {
    document.getElementById("span").value = "days";
  });
}
