// Keeps the page fresh: the part that changes is fetched again and swapped, a log is appended to.
// Everything can be read and decided without it.
"use strict";
(() => {
  const FAST = 1000, SLOW = 5000, LINES_MAX = 20000;
  const get = (id, from = document) => from.getElementById(id);
  let timer = 0, misses = 0, looking = false;

  /** Nothing is swapped under the reader's hands. */
  const inUse = (live) => {
    const at = document.activeElement;
    if (live.contains(at) && at.matches("input, textarea, select")) return true;
    if (live.querySelector("details.confirm[open], dialog[open]")) return true;
    if ([...live.querySelectorAll("input, textarea")].some((field) => field.value !== field.defaultValue)) return true;
    const selection = getSelection();
    return !selection.isCollapsed && live.contains(selection.anchorNode);
  };

  const swap = (live, fresh, title) => {
    if (live.dataset.version === fresh.dataset.version) return;
    if (inUse(live)) { live.dataset.stale = "yes"; return; }
    const open = [...live.querySelectorAll("details")].map((details) => details.open);
    const focused = live.contains(document.activeElement) && document.activeElement.getAttribute("href");
    live.replaceWith(fresh);
    fresh.querySelectorAll("details").forEach((details, i) => { details.open = open[i] ?? details.open; });
    if (focused) fresh.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    document.title = title;
    document.querySelector("link[rel=icon]").href = fresh.dataset.icon;
  };

  const append = (log, fresh) => {
    if (log.dataset.step !== fresh.dataset.step) { log.replaceWith(fresh); prepare(); return; }
    const lines = log.querySelector(".lines");
    lines.append(...fresh.querySelector(".lines").children);
    while (lines.children.length > LINES_MAX) lines.firstElementChild.remove();
    if (lines.children.length) log.querySelector(".empty")?.remove();
    for (const part of [".badge", ".took"]) log.querySelector(part).replaceWith(fresh.querySelector(part));
    for (const part of [":scope > .more", ":scope > .detail"]) {
      log.querySelector(part)?.remove();
      const now = fresh.querySelector(part);
      if (now) log.append(now);
    }
    Object.assign(log.dataset, fresh.dataset);
    toEnd(log);
  };

  const toEnd = (log) => {
    const box = log.querySelector(".box");
    if (get("follow").checked) box.scrollTop = box.scrollHeight;
  };

  /** Shows what is of use only with this script, and follows a log until the reader scrolls away from its end. */
  const prepare = () => {
    const log = get("log");
    if (!log) return;
    log.querySelector(".follow").hidden = false;
    const box = log.querySelector(".box"), follow = get("follow");
    if (location.hash.startsWith("#L")) follow.checked = false;
    box.addEventListener("scroll", () => { follow.checked = box.scrollHeight - box.scrollTop - box.clientHeight < 8; });
    follow.addEventListener("change", () => toEnd(log));
    toEnd(log);
  };

  const look = async () => {
    const live = get("live"), log = get("log");
    const answer = await fetch(log?.dataset.next ?? location.href, {
      cache: "no-store", headers: { accept: "text/html", "if-none-match": `"${live.dataset.version}"` },
    });
    if (answer.status === 304) return;
    if (answer.status === 401) { location.reload(); return; }
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const title = page.title, freshLog = get("log", page);
    if (log && freshLog) append(log, freshLog); else if (freshLog) { get("main").append(freshLog); prepare(); }
    swap(live, get("live", page), title);
  };

  const tick = async () => {
    if (looking) return;
    clearTimeout(timer);
    const pace = get("live").dataset.pace;
    if (pace === "never") return;
    // A long log of old is fetched to its end only for whoever follows it.
    const more = get("log")?.querySelector(":scope > .more"), follows = get("follow")?.checked;
    looking = true;
    if (!document.hidden && (!more || follows || pace === "fast")) {
      await look().then(() => { misses = 0; }, () => { misses += 1; });
    }
    looking = false;
    document.body.classList.toggle("cut-off", misses > 2);
    const wait = more && follows && !misses ? 50 : get("live").dataset.pace === "fast" ? FAST : SLOW;
    timer = setTimeout(tick, wait * Math.min(misses + 1, 6));
  };

  const rough = (s) => s < 60 ? `${s} s` : s < 3600 ? `${Math.floor(s / 60)} min` : s < 86400 ? `${Math.floor(s / 3600)} h`
    : `${Math.floor(s / 86400)} d`;
  const exact = (s) => s < 60 ? `${s} s` : s < 3600 ? `${Math.floor(s / 60)} min ${s % 60} s`
    : `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
  const age = () => {
    for (const time of document.querySelectorAll("time[data-age]")) {
      const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(time.dateTime)) / 1000));
      const text = time.dataset.age === "for" ? exact(seconds) : seconds < 10 ? "just now" : `${rough(seconds)} ago`;
      if (time.textContent !== text) time.textContent = text;
    }
  };

  prepare();
  setInterval(age, 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) tick(); });
  timer = setTimeout(tick, FAST);
})();
