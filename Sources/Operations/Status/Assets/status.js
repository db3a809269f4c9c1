// Follows the worker: the server sends the parts of the page that have changed, escaped already, at most once a second.
(() => {
  "use strict";
  const form = document.getElementById("filter");
  const button = document.getElementById("follow");
  let source = null;
  let timer = 0;

  const show = (text, isLost) => {
    button.textContent = text;
    button.classList.toggle("lost", isLost);
  };

  const take = (parts) => {
    for (const [id, html] of Object.entries(parts)) {
      const element = document.getElementById(id);
      // What somebody has the focus in stays as it is until they leave it.
      if (!element || (id === "pages" && element.contains(document.activeElement))) continue;
      element.innerHTML = html;
    }
  };

  const stop = () => {
    if (source) source.close();
    source = null;
  };

  const follow = () => {
    stop();
    source = new EventSource("/status/events" + location.search);
    source.onopen = () => show("Live", false);
    source.onmessage = (event) => take(JSON.parse(event.data));
    source.onerror = () => show(source && source.readyState === EventSource.CLOSED ? "Not live" : "Reconnecting", true);
  };

  const isFollowing = () => button.getAttribute("aria-pressed") === "true";

  button.hidden = false;
  document.body.classList.add("live");
  button.addEventListener("click", () => {
    const following = !isFollowing();
    button.setAttribute("aria-pressed", String(following));
    show(following ? "Live" : "Paused", false);
    if (following) follow(); else stop();
  });

  // A changed filter is another list: from its first page, without loading the page anew.
  const apply = () => {
    const query = new URLSearchParams(new FormData(form));
    history.replaceState(null, "", "/status?" + query);
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
