// What a page does beyond reading: new events appear by themselves, and the
// bar of a rebuild moves. Without it everything is there after loading again.
"use strict";

const ago = (text) => {
  const time = document.createElement("time");
  time.dateTime = text;
  time.title = text;
  time.textContent = "now";
  return time;
};

const link = (path, id, text) => {
  const a = document.createElement("a");
  a.href = path + encodeURIComponent(id);
  a.textContent = text;
  return a;
};

const cell = (label, ...parts) => {
  const td = document.createElement("td");
  td.dataset.label = label;
  td.append(...parts);
  return td;
};

// Names and ids come from outside: they are only ever set as text.
const row = (e) => {
  const tr = document.createElement("tr");
  tr.className = "fresh";
  const id = document.createElement("code");
  id.title = e.id;
  id.textContent = "…" + e.id.slice(-6);
  const state = document.createElement("span");
  state.className = "state received";
  state.textContent = "Received";
  tr.append(
    cell("Event", link("/console/events/", e.id, e.kind)),
    cell("Status", ...(e.scheme ? [state] : [])),
    cell("Contact", ...(e.contact_id ? [link("/console/leads/", e.contact_id, e.contact_id)] : [])),
    cell("Verified by", e.scheme || "ours"),
    cell("Arrived", ago(e.recorded_at)),
    cell("Id", id),
  );
  return tr;
};

const maxRows = 200;

const live = document.querySelector("[data-live]");
if (live) {
  const table = document.querySelector("[data-rows]");
  const text = live.querySelector("[data-live-text]");
  const source = new EventSource(live.dataset.live);
  live.hidden = false;
  source.onopen = () => { live.classList.remove("off"); text.textContent = "Live"; };
  source.onerror = () => { live.classList.add("off"); text.textContent = "Not connected; trying again"; };
  source.addEventListener("entry", (message) => {
    document.querySelector("[data-empty]")?.remove();
    table.hidden = false;
    table.tBodies[0].prepend(row(JSON.parse(message.data)));
    while (table.tBodies[0].rows.length > maxRows) table.tBodies[0].deleteRow(-1);
  });
}

const views = document.querySelector("[data-progress]");
if (views) {
  const show = (v) => {
    const tr = [...views.tBodies[0].rows].find((r) => r.dataset.view === v.name);
    if (!tr) return;
    const bar = tr.querySelector("progress");
    // What arrives meanwhile moves the goal: the bar waits, and does not go back.
    bar.value = v.rebuild ? Math.max(bar.hidden ? 0 : bar.value, v.rebuild.percent) : 0;
    bar.hidden = !v.rebuild;
    tr.querySelector("[data-rebuild]").textContent = v.rebuild
      ? Math.round(v.rebuild.percent) + " %, " + Math.round(v.rebuild.events_per_second).toLocaleString("en") + " entries/s"
      : "";
    tr.querySelector("[data-lag]").textContent = v.lag_events;
    tr.querySelector("[data-generation]").textContent = v.generation;
    const state = tr.querySelector(".state");
    state.className = "state " + v.state;
    state.textContent = v.state.charAt(0).toUpperCase() + v.state.slice(1);
  };
  const ask = async () => {
    let wait = 1000;
    try {
      const answer = await fetch(views.dataset.progress);
      if (answer.ok) {
        const list = (await answer.json()).data;
        list.forEach(show);
        if (list.some((v) => v.rebuild)) wait = 150;
      }
    } catch { wait = 5000; }
    setTimeout(ask, wait);
  };
  ask();
}
