"use strict";
// The search of a site that is only files: what it reads comes as scripts, for a page that was
// opened from a disk may ask for nothing else.
(() => {
  const grid = document.querySelector("[data-site]");
  if (!grid) return;
  const form = document.querySelector("form.filters");
  const count = document.querySelector(".count");
  const template = document.querySelector("#card");
  const PORTION = 120;
  const rows = [];
  const shards = new Map();
  const facts = JSON.parse(grid.dataset.site);
  let found = [];
  let drawn = 0;
  let asked = 0;

  window.archive = {
    models(number, portion) {
      for (const row of portion) rows.push({
        id: row[0], name: row[1], kind: row[2], creator: row[3], bases: row[4], tags: row[5],
        words: row[6], standing: row[7], rating: row[8], mature: row[9], cover: row[10],
        media: row[11], bytes: row[12], published: row[13], gone: row[14], place: rows.length,
        text: [row[1], row[3], ...row[5], ...row[6]].join("\n").toLowerCase(),
      });
    },
    words(number, terms) {
      shards.set(number, new Map(Object.entries(terms)));
    },
  };

  function load(source) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = source;
      script.onload = resolve;
      script.onerror = reject;
      document.head.append(script);
    });
  }

  function shardOf(word) {
    let number = 7;
    for (const sign of word) number = (number * 31 + sign.codePointAt(0)) % 65521;
    return number % facts.shards;
  }

  // Parted as the index parts prompts: at all but letters and digits, Japanese signs one by one.
  function parts(word) {
    return word.normalize("NFD").replace(/[\u0300-\u036f]/g, "").normalize("NFC")
      .replace(/[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]/g, " $& ")
      .split(/[^\p{L}\p{N}\p{Co}]+/u).filter(Boolean);
  }

  async function modelsWith(word) {
    const found = await Promise.all(parts(word).map(modelsWithPart));
    return found.length ? found.reduce((some, more) =>
      new Set([...some].filter((place) => more.has(place)))) : new Set();
  }

  async function modelsWithPart(word) {
    const shard = shardOf(word);
    if (!shards.has(shard)) {
      await load(`data/words-${shard}.js`).catch(() => shards.set(shard, new Map()));
    }
    const places = new Set();
    let at = 0;
    for (const gap of shards.get(shard).get(word) ?? []) places.add(at += gap);
    return places;
  }

  function wordsOf(text) {
    return [...text.toLowerCase().matchAll(/"([^"]*)"|(\S+)/g)]
      .map((part) => (part[1] ?? part[2]).trim()).filter(Boolean);
  }

  const ORDERS = {
    added: () => 0,
    published: (a, b) => b.published - a.published,
    name: (a, b) => a.name.localeCompare(b.name),
    size: (a, b) => b.bytes - a.bytes,
  };

  async function search() {
    const mine = ++asked;
    const values = new FormData(form);
    const value = (name) => String(values.get(name) ?? "").trim();
    const words = wordsOf(value("q"));
    const prompts = await Promise.all(words.map(modelsWith));
    if (mine !== asked) return;
    const creator = value("creator").toLowerCase();
    const tag = value("tag").toLowerCase();
    found = rows.filter((row) =>
      words.every((word, at) => row.text.includes(word) || prompts[at].has(row.place)) &&
      (!value("type") || row.kind === value("type")) &&
      (!value("base") || row.bases.includes(value("base"))) &&
      (!value("rating") || row.rating === Number(value("rating"))) &&
      (!value("state") || row.standing === value("state") ||
        (value("state") === "gone" && row.gone > 0)) &&
      (!creator || row.creator.toLowerCase() === creator) &&
      (!tag || row.tags.some((one) => one.toLowerCase() === tag)));
    found.sort(ORDERS[value("sort")] ?? ORDERS.added);
    drawn = 0;
    grid.replaceChildren();
    count.textContent = facts.counted.replace("{count}", found.length.toLocaleString());
    draw();
  }

  function draw() {
    for (const row of found.slice(drawn, drawn + PORTION)) grid.append(card(row));
    drawn = Math.min(found.length, drawn + PORTION);
    rest.hidden = drawn >= found.length;
  }

  function card(row) {
    const made = template.content.cloneNode(true);
    const part = (name) => made.querySelector(name);
    const link = part("a");
    link.href = `models/${Math.floor(row.id / 1000)}/${row.id}.html`;
    link.classList.toggle("veiled", Boolean(row.mature));
    part(".name").textContent = row.name;
    part(".by").textContent = row.creator;
    part(".kinds").append(...[row.kind, ...row.bases.slice(0, 2)].map((text, at) => {
      const chip = document.createElement("span");
      chip.className = at ? "chip soft" : "chip";
      chip.textContent = text;
      return chip;
    }));
    const state = part(".state");
    if (row.standing === "complete") state.remove();
    else {
      state.classList.add(row.standing);
      state.textContent = facts.standings[row.standing];
    }
    const frame = part(".frame");
    const source = row.cover.split("/").map(encodeURIComponent).join("/");
    if (row.media === "image") {
      const image = document.createElement("img");
      image.loading = "lazy";
      image.decoding = "async";
      image.alt = "";
      image.src = source;
      frame.append(image);
    } else if (row.media === "video") {
      const video = document.createElement("video");
      video.muted = true;
      video.preload = "metadata";
      video.tabIndex = -1;
      video.src = source;
      frame.append(video);
    } else {
      frame.textContent = row.media ? "♪" : "∅";
    }
    return made;
  }

  const rest = document.createElement("p");
  rest.className = "more";
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = facts.more;
  button.addEventListener("click", draw);
  rest.append(button);
  grid.after(rest);
  new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting) && drawn < found.length) draw();
  }, { rootMargin: "1200px" }).observe(rest);

  function readHash() {
    const wishes = new URLSearchParams(location.hash.slice(1));
    for (const name of ["creator", "tag", "q"]) {
      const field = form.elements.namedItem(name);
      if (!field) continue;
      if (wishes.has(name)) field.value = wishes.get(name);
      if (name !== "q") field.closest("label").hidden = !field.value;
    }
  }

  let writing = 0;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => {
    clearTimeout(writing);
    writing = setTimeout(search, 120);
  });
  window.addEventListener("hashchange", () => {
    readHash();
    search();
  });

  (async () => {
    for (let number = 0; number < facts.portions; number += 1) {
      await load(`data/models-${number}.js`);
      if (number === 0) readHash();
    }
    document.querySelectorAll("[data-static]").forEach((part) => part.remove());
    await search();
  })();
})();
