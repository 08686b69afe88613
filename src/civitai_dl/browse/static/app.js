"use strict";
// What makes the pages pleasant. Without it everything can still be read: links, forms, pages.
(() => {
  const body = document.body;
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const said = one("#said");
  let hushed = 0;

  function say(text) {
    said.textContent = text;
    said.classList.add("shown");
    clearTimeout(hushed);
    hushed = setTimeout(() => said.classList.remove("shown"), 1800);
  }

  // --- mature images

  const mature = one("#mature");
  const isShown = () => document.documentElement.dataset.mature === "shown";

  function showMature(shown) {
    if (shown) document.documentElement.dataset.mature = "shown";
    else delete document.documentElement.dataset.mature;
    mature.setAttribute("aria-pressed", String(shown));
    try {
      localStorage.setItem("civitai-dl-mature", shown ? "shown" : "blurred");
    } catch (error) {
      // It holds for this page, then.
    }
  }
  mature.setAttribute("aria-pressed", String(isShown()));
  mature.addEventListener("click", () => {
    showMature(!isShown());
    say(isShown() ? body.dataset.sayShown : body.dataset.sayBlurred);
  });

  // --- copying

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch (error) {
      const area = document.createElement("textarea");
      area.value = text;
      (one("dialog[open]") || body).append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) {
      await copy(button.dataset.copy);
      button.classList.add("done");
      setTimeout(() => button.classList.remove("done"), 1200);
      say(body.dataset.sayCopied);
      return;
    }
    const unveil = event.target.closest(".unveil");
    if (unveil) {
      unveil.closest(".veiled")?.classList.remove("veiled");
      unveil.remove();
    }
  });

  // --- videos: their first picture when they come into sight, moving under the pointer

  const seeing = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      const video = entry.target;
      seeing.unobserve(video);
      video.preload = "metadata";
      video.src = video.dataset.src;
    }
  }, { rootMargin: "200px" });

  function wake(within) {
    all("video[data-src]", within).forEach((video) => seeing.observe(video));
    all("[data-more]", within).forEach((link) => nearing.observe(link));
  }
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const playing = (event, play) => {
    if (calm.matches) return;
    const video = event.target.closest?.(".open, .cover")?.querySelector("video[data-src]");
    if (!video || !video.src) return;
    if (play) video.play().catch(() => {});
    else video.pause();
  };
  document.addEventListener("pointerover", (event) => playing(event, true));
  document.addEventListener("pointerout", (event) => playing(event, false));

  // --- more of a list, when its end comes near; only where there is a server to ask

  const served = location.protocol.startsWith("http");

  async function fetched(href) {
    const answer = await fetch(href, { credentials: "same-origin" });
    if (!answer.ok) throw new Error(String(answer.status));
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  }

  async function more(link) {
    if (link.dataset.busy) return;
    link.dataset.busy = "yes";
    const place = link.closest(".more");
    const grid = place.previousElementSibling;
    try {
      const page = await fetched(link.href);
      const next = one("#results [data-grid]", page);
      if (!next) throw new Error("no list");
      const fresh = [...next.children].map((child) => document.adoptNode(child));
      grid.append(...fresh);
      const following = one("#results .more", page);
      place.replaceWith(...(following ? [document.adoptNode(following)] : []));
      wake(grid.parentElement);
    } catch (error) {
      // The link is still a link.
      delete link.dataset.busy;
    }
  }
  const nearing = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting && served) more(entry.target);
    }
  }, { rootMargin: "1200px" });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-more]");
    if (link && served && !modified(event)) {
      event.preventDefault();
      more(link);
    }
  });

  // --- search while one writes

  const form = one("form[data-live]");
  let writing = 0;
  let asked = 0;

  async function search() {
    const words = new URLSearchParams(new FormData(form));
    for (const [name, value] of [...words]) if (!value) words.delete(name);
    const href = `${form.getAttribute("action")}${String(words) ? `?${words}` : ""}`;
    const mine = ++asked;
    try {
      const page = await fetched(href);
      if (mine !== asked) return;
      const results = document.adoptNode(one("#results", page));
      one("#results").replaceWith(results);
      history.replaceState(null, "", href);
      wake(results);
    } catch (error) {
      form.submit();
    }
  }
  if (form && served) {
    form.addEventListener("input", () => {
      clearTimeout(writing);
      writing = setTimeout(search, 180);
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(writing);
      search();
    });
  }

  // --- the lightbox

  const box = one("#lightbox");
  const stage = one(".stage", box);
  const about = one(".about", box);
  let shots = [];
  let at = -1;
  const modified = (event) =>
    event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;

  function media(link) {
    const kind = link.dataset.media;
    const shown = document.createElement(kind === "image" ? "img" : kind);
    if (kind === "image") {
      shown.alt = one("img", link)?.alt ?? "";
    } else {
      shown.controls = true;
      shown.loop = true;
      shown.autoplay = !calm.matches;
      shown.setAttribute("aria-label", one("video", link)?.getAttribute("aria-label") ?? "");
    }
    shown.src = link.dataset.full;
    return shown;
  }

  async function tell(link) {
    const mine = link;
    const beside = one(".details", link.parentElement);
    about.replaceChildren();
    if (beside) {
      about.append(...[...beside.cloneNode(true).childNodes]);
    } else if (served) {
      const page = await fetched(link.href).catch(() => null);
      const details = page && one(".picture .details", page);
      if (details && shots[at] === mine) {
        about.replaceChildren(...[...document.adoptNode(details).childNodes]);
      }
    }
  }

  function unveiling() {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "unveil";
    button.textContent = body.dataset.sayShow;
    return button;
  }

  function show(number) {
    at = (number + shots.length) % shots.length;
    const link = shots[at];
    const shown = media(link);
    stage.classList.toggle("veiled", link.classList.contains("veiled"));
    stage.replaceChildren(shown, ...(link.classList.contains("veiled") ? [unveiling()] : []));
    one(".prev", box).hidden = one(".next", box).hidden = shots.length < 2;
    tell(link);
    if (!box.open) {
      box.showModal();
      // Else a video would be given the keys: its arrows seek, ours go on to the next image.
      box.focus();
    }
    link.scrollIntoView({ block: "nearest" });
    const ahead = shots[(at + 1) % shots.length];
    if (ahead !== link && ahead.dataset.media === "image") new Image().src = ahead.dataset.full;
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.open");
    if (!link || modified(event)) return;
    event.preventDefault();
    const list = link.closest("[data-grid]");
    shots = all("a.open", list);
    show(shots.indexOf(link));
  });
  stage.addEventListener("click", (event) => {
    if (stage.classList.contains("veiled") && !isShown()) {
      stage.classList.remove("veiled");
      one(".unveil", stage).remove();
      box.focus();
    } else if (event.target === stage) box.close();
  });
  one(".prev", box).addEventListener("click", () => show(at - 1));
  one(".next", box).addEventListener("click", () => show(at + 1));
  one(".close", box).addEventListener("click", () => box.close());
  box.addEventListener("close", () => {
    stage.replaceChildren();
    shots[at]?.focus();
  });

  // --- keys

  function beside(link, key) {
    const links = all(".card > a, .shot > a", link.closest("[data-grid]"));
    const here = link.getBoundingClientRect();
    const index = links.indexOf(link);
    if (key === "ArrowRight") return links[index + 1];
    if (key === "ArrowLeft") return links[index - 1];
    const down = key === "ArrowDown";
    const middle = here.left + here.width / 2;
    let best = null;
    let least = Infinity;
    for (const other of links) {
      const there = other.getBoundingClientRect();
      const gap = down ? there.top - here.bottom : here.top - there.bottom;
      if (gap < -4) continue;
      const cost = gap * 4 + Math.abs(there.left + there.width / 2 - middle);
      if (other !== link && cost < least) [best, least] = [other, cost];
    }
    return best;
  }

  document.addEventListener("keydown", (event) => {
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    if (box.open) {
      if (event.target.closest("video, audio")) return;
      if (event.key === "ArrowRight") show(at + 1);
      else if (event.key === "ArrowLeft") show(at - 1);
      else if (event.key === "m") showMature(!isShown());
      else return;
      event.preventDefault();
      return;
    }
    const field = event.target.closest("input, select, textarea");
    if (field) {
      if (event.key === "Escape") field.blur();
      else if (event.key === "ArrowDown" && field.type === "search") {
        one("[data-grid] a")?.focus();
        event.preventDefault();
      }
      return;
    }
    if (event.key === "/") {
      const find = one("input[type=search]");
      if (!find) return;
      find.focus();
      find.select();
      event.preventDefault();
    } else if (event.key === "m") {
      mature.click();
    } else if (event.key.startsWith("Arrow")) {
      const link = event.target.closest("[data-grid] a");
      const next = link ? beside(link, event.key) : null;
      const first = !link && event.target === body && one("[data-grid] a");
      if (next || (first && event.key !== "ArrowUp" && event.key !== "ArrowDown")) {
        (next || first).focus();
        event.preventDefault();
      }
    }
  });

  // --- a run at work is looked at again

  const live = one("[data-refresh]");
  if (live && served) {
    const least = Number(live.dataset.refresh);
    const look = async () => {
      const began = performance.now();
      const page = document.hidden ? null : await fetched(location.href).catch(() => null);
      const fresh = page && one("#results", page);
      if (fresh) one("#results").replaceChildren(...document.adoptNode(fresh).childNodes);
      // An answer about a million things takes its time; it is not asked for all the time.
      setTimeout(look, Math.max(least, 10 * (performance.now() - began)));
    };
    setTimeout(look, least);
  }

  wake(document);
})();
