// Follows the worker: the server sends the parts of the page that have changed, escaped already, at most once a second.
(() => {
  "use strict";
  const form = document.getElementById("filter");
  const button = document.getElementById("follow");
  const stale = document.getElementById("stale");
  const name = document.title;
  // The time is sent each second: after so long without, the worker is gone, stuck, or too far away.
  const silence = 5000;
  let source = null;
  let timer = 0;
  let again = 0;
  let heard = Date.now();
  let asked = false;

  const isFollowing = () => button.getAttribute("aria-pressed") === "true";

  const show = (text, isLost) => {
    if (button.textContent !== text) button.textContent = text;
    button.classList.toggle("lost", isLost);
    document.body.classList.toggle("stale", isLost);
    const time = document.getElementById("time").textContent;
    const words = isLost ? "Not live: the worker does not answer. This is how it was at " + time + " UTC." : "";
    if (stale.textContent !== words) stale.textContent = words;
    const state = isLost ? "Not live" : document.getElementById("health").textContent;
    document.title = state === "Ready" ? name : state + " · " + name;
  };

  // What somebody has the focus in, or is selecting to copy, stays as it is until they leave it.
  const isInUse = (element) => {
    if (element.contains(document.activeElement)) return true;
    const selection = getSelection();
    return !selection.isCollapsed && selection.containsNode(element, true);
  };

  const take = (parts) => {
    heard = Date.now();
    for (const [id, html] of Object.entries(parts)) {
      const element = document.getElementById(id);
      if (element && !isInUse(element)) element.innerHTML = html;
    }
    show("Live", false);
    if (asked) {
      // Once for each search: read out by itself, the count would never end.
      asked = false;
      document.getElementById("found").textContent = document.getElementById("count").textContent || "No devices";
    }
  };

  const stop = () => {
    clearTimeout(again);
    if (source) source.close();
    source = null;
  };

  const follow = () => {
    stop();
    heard = Date.now();
    source = new EventSource("/status/events" + location.search);
    source.onmessage = (event) => take(JSON.parse(event.data));
    source.onerror = () => {
      show("Not live", true);
      // Refused for good, as the browser sees it; there may be room again, or another worker.
      if (source && source.readyState === EventSource.CLOSED) again = setTimeout(follow, 10000);
    };
  };

  button.hidden = false;
  document.body.classList.add("live");
  button.addEventListener("click", () => {
    const following = !isFollowing();
    button.setAttribute("aria-pressed", String(following));
    show(following ? "Live" : "Paused", false);
    if (following) follow(); else stop();
  });
  setInterval(() => {
    if (source && Date.now() - heard > silence) show("Not live", true);
  }, 1000);

  // A changed filter is another list: from its first page, without loading the page anew.
  const apply = () => {
    const query = new URLSearchParams(new FormData(form));
    history.replaceState(null, "", "/status?" + query);
    asked = true;
    if (isFollowing()) follow(); else location.reload();
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(timer); apply(); });
  form.addEventListener("change", () => { clearTimeout(timer); apply(); });
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(apply, 300); });

  // A page that nobody sees costs nothing.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) stop(); else if (isFollowing()) follow();
  });
  if (!document.hidden) follow();
})();
