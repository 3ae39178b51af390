--- The page of a report: one HTML file that needs nothing else. What is drawn comes from the trace
--- that it carries, in the form that Chrome's tools and Perfetto read.
local M = {}

local style = [[
:root { color-scheme: light; --back: #fff; --ink: #1b1f24; --dim: #667; --line: #d8dce2;
  --panel: #f4f5f7; --ok: #4a7fb5; --bad: #c8452d; --path: #d98a00; --cached: #9aa5b1; }
:root[data-theme=dark] { color-scheme: dark; --back: #14171b; --ink: #e4e7eb; --dim: #98a2ad;
  --line: #323841; --panel: #1d2127; --ok: #5e9bd6; --bad: #ec6a50; --path: #f0a830;
  --cached: #59636e; }
body { background: var(--back); color: var(--ink); font: 14px/1.45 system-ui, sans-serif;
  margin: 0 auto; max-width: 1200px; padding: 0 16px 48px; }
header { align-items: baseline; display: flex; flex-wrap: wrap; gap: 8px 16px; padding: 16px 0; }
h1 { font-size: 20px; margin: 0; } h2 { font-size: 15px; margin: 28px 0 8px; }
header span { color: var(--dim); } header .push { margin-left: auto; }
input, button { background: var(--panel); border: 1px solid var(--line); border-radius: 4px;
  color: inherit; font: inherit; padding: 3px 9px; }
button { cursor: pointer; }
.tiles { display: flex; flex-wrap: wrap; gap: 8px; }
.tiles div { background: var(--panel); border-radius: 6px; min-width: 92px; padding: 8px 14px; }
.tiles b { display: block; font-size: 19px; font-weight: 600; }
.columns { display: grid; gap: 0 32px;
  grid-template-columns: repeat(auto-fit, minmax(340px, 1fr)); }
canvas { border: 1px solid var(--line); border-radius: 4px; display: block; width: 100%; }
table { border-collapse: collapse; width: 100%; }
th { color: var(--dim); font-weight: 500; text-align: left; }
th, td { border-bottom: 1px solid var(--line); padding: 3px 10px 3px 0; vertical-align: top; }
.number { font-variant-numeric: tabular-nums; text-align: right; white-space: nowrap; }
#tasks th { cursor: pointer; }
.bar { background: var(--ok); border-radius: 2px; display: block; height: 9px; margin-top: 6px; }
.failed { color: var(--bad); } .cached, .skipped, .dim { color: var(--dim); }
.critical td:first-child { border-left: 3px solid var(--path); padding-left: 7px; }
pre { background: var(--panel); border-left: 3px solid var(--bad); overflow-x: auto;
  padding: 10px 14px; }
#tip { background: var(--panel); border: 1px solid var(--line); border-radius: 4px; display: none;
  max-width: 460px; padding: 5px 9px; pointer-events: none; position: fixed; z-index: 1; }
]]

local script = [==[
"use strict";
const begun = performance.now();
const read = id => JSON.parse(document.getElementById(id).textContent);
const trace = read("trace"), build = read("build");
const ran = trace.traceEvents.filter(e => e.ph === "X");
const el = (name, text, kind) => {
  const node = document.createElement(name);
  if (text !== undefined) node.textContent = text;
  if (kind) node.className = kind;
  return node;
};
const seconds = s => s < 60 ? s.toFixed(1) + "s" : s < 3600 ?
  Math.floor(s / 60) + "m" + String(Math.round(s % 60)).padStart(2, "0") + "s" :
  Math.floor(s / 3600) + "h" + String(Math.floor(s % 3600 / 60)).padStart(2, "0") + "m";
const bytes = b => b === undefined ? "" : b < 1e6 ? Math.round(b / 1e3) + " KB" :
  b < 1e9 ? (b / 1e6).toFixed(0) + " MB" : (b / 1e9).toFixed(1) + " GB";
const rows = ran.map(e => ({ task: e.name, kind: e.cat, outcome: e.args.outcome, at: e.ts / 1e6,
  seconds: e.dur / 1e6, cpu: e.args.cpu, memory: e.args.memory, why: e.args.why || "",
  critical: e.args.critical, event: e })).concat(build.known.map(k => ({ task: k[0], kind: k[1],
  outcome: k[2], at: Infinity, seconds: 0, why: k[3] || "" })));

function tiles() {
  const c = build.counts || {}, box = document.getElementById("tiles");
  const path = ran.filter(e => e.args.critical).reduce((sum, e) => sum + e.dur / 1e6, 0);
  const hits = c.cached || 0, all = hits + (c.ok || 0) + (c.failed || 0);
  for (const [value, name] of [[seconds(build.seconds), "wall"], [c.ok || 0, "ran"],
    [hits, "cached"], [c.failed || 0, "failed"], [c.not_started || 0, "not started"],
    [all ? Math.round(100 * hits / all) + "%" : "", "from the cache"],
    [seconds(path), "critical path"], [Math.round(100 * build.busy) + "%", "slots busy"]]) {
    const tile = el("div", name);
    tile.prepend(el("b", value));
    box.append(tile);
  }
}

// One lane for each job slot. The wheel zooms, dragging moves, a click looks for the task.
const view = { from: 0, to: 1 };
let matches = () => true;
function lanes() {
  const canvas = document.getElementById("lanes"), tip = document.getElementById("tip");
  const slots = ran.reduce((most, e) => Math.max(most, e.tid), 1);
  const end = Math.max(build.seconds * 1e6, 1), lane = slots > 32 ? 12 : 22, top = 18;
  const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  let wide = 1; // asking the canvas lays out the page, so it is asked once a drawing
  const x = ts => (ts / end - view.from) / (view.to - view.from) * wide;
  function draw() {
    wide = canvas.clientWidth;
    const high = top + slots * lane + 4, ratio = devicePixelRatio || 1;
    canvas.width = wide * ratio; canvas.height = high * ratio; canvas.style.height = high + "px";
    const c = canvas.getContext("2d");
    c.scale(ratio, ratio);
    c.font = "11px system-ui, sans-serif"; c.textBaseline = "middle";
    const ok = colour("--ok"), bad = colour("--bad"), path = colour("--path");
    const dim = colour("--dim"), line = colour("--line"), back = colour("--back");
    for (let i = 0; i <= 8; i++) {
      const at = wide * i / 8;
      c.fillStyle = line; c.fillRect(at, 0, 1, high);
      c.fillStyle = dim;
      c.fillText(seconds(end / 1e6 * (view.from + (view.to - view.from) * i / 8)), at + 3, 9);
    }
    for (const e of ran) {
      const left = x(e.ts), width = Math.max(x(e.ts + e.dur) - left, 1);
      if (left > wide || left + width < 0) continue;
      const y = top + (e.tid - 1) * lane;
      c.globalAlpha = matches(e.name + " " + (e.args.why || "")) ? 1 : 0.15;
      c.fillStyle = e.args.outcome === "failed" ? bad : e.args.critical ? path : ok;
      c.fillRect(left, y, width, lane - 2);
      if (width > 46 && lane > 14) {
        c.save(); c.beginPath(); c.rect(Math.max(left, 0), y, width - 3, lane); c.clip();
        c.fillStyle = back; c.fillText(e.name, Math.max(left, 0) + 4, y + lane / 2); c.restore();
      }
    }
    c.globalAlpha = 1;
  }
  const under = event => {
    const box = canvas.getBoundingClientRect(), at = event.clientX - box.left;
    const slot = Math.floor((event.clientY - box.top - top) / lane) + 1;
    return ran.find(e => e.tid === slot && x(e.ts) <= at &&
      at <= Math.max(x(e.ts + e.dur), x(e.ts) + 2));
  };
  let held = null;
  canvas.onmousemove = event => {
    if (held) {
      const move = (held.at - event.clientX) / canvas.clientWidth * (held.to - held.from);
      const from = Math.min(Math.max(held.from + move, 0), 1 - (held.to - held.from));
      view.to = from + (held.to - held.from); view.from = from; held.moved = true;
      draw();
    }
    const e = held ? null : under(event);
    tip.style.display = e ? "block" : "none";
    if (!e) return;
    tip.textContent = `${e.name}  ${seconds(e.dur / 1e6)}  ${bytes(e.args.memory)}\n` +
      (e.args.why || "");
    tip.style.left = Math.min(event.clientX + 12, innerWidth - 470) + "px";
    tip.style.top = event.clientY + 14 + "px";
  };
  canvas.onmouseleave = () => { tip.style.display = "none"; held = null; };
  canvas.onmousedown = event => { held = { at: event.clientX, from: view.from, to: view.to }; };
  canvas.onmouseup = event => {
    const e = held && !held.moved && under(event);
    held = null;
    if (e) look(e.name);
  };
  canvas.addEventListener("wheel", event => {
    event.preventDefault();
    const at = view.from + (event.clientX - canvas.getBoundingClientRect().left) /
      canvas.clientWidth * (view.to - view.from), by = event.deltaY > 0 ? 1.25 : 0.8;
    view.from = Math.max(0, at - (at - view.from) * by);
    view.to = Math.min(1, Math.max(at + (view.to - at) * by, view.from + 1e-5));
    draw();
  }, { passive: false });
  addEventListener("resize", draw);
  return draw;
}

function table(id, heads, list, cells) {
  const body = document.createDocumentFragment(), first = el("tr");
  for (const [text, kind] of heads) first.append(el("th", text, kind));
  body.append(first);
  for (const one of list) body.append(cells(one));
  document.getElementById(id).replaceChildren(body);
}

function slowest() {
  const list = [...ran].sort((a, b) => b.dur - a.dur).slice(0, 12);
  const most = list[0] ? list[0].dur : 1;
  table("slowest", [["task"], ["seconds", "number"], [""]], list, e => {
    const row = el("tr", undefined, e.args.critical ? "critical" : ""), bar = el("span", "", "bar");
    bar.style.width = Math.max(1, 100 * e.dur / most) + "%";
    const cell = el("td");
    cell.style.width = "40%"; cell.append(bar);
    row.append(el("td", e.name), el("td", seconds(e.dur / 1e6), "number"), cell);
    return row;
  });
}

function kinds() {
  const by = new Map();
  for (const row of rows) {
    if (row.outcome === "skipped") continue;
    const kind = by.get(row.kind) || { kind: row.kind, ran: 0, cached: 0, seconds: 0 };
    by.set(row.kind, kind);
    kind[row.outcome === "cached" ? "cached" : "ran"]++; kind.seconds += row.seconds;
  }
  const list = [...by.values()].sort((a, b) => b.seconds - a.seconds);
  table("kinds", [["kind of task"], ["ran", "number"], ["cached", "number"], ["hits", "number"],
    ["seconds", "number"]], list, k => {
    const row = el("tr");
    row.append(el("td", k.kind), el("td", k.ran, "number"), el("td", k.cached, "number"),
      el("td", Math.round(100 * k.cached / (k.ran + k.cached)) + "%", "number"),
      el("td", seconds(k.seconds), "number"));
    return row;
  });
}

const MOST = 400;
const columns = [["task", "task"], ["outcome", "outcome"], ["start", "at"], ["seconds", "seconds"],
  ["CPU", "cpu"], ["memory", "memory"], ["why", "why"]];
let sorted = ["at", 1];
function tasks() {
  const [key, way] = sorted;
  const list = rows.filter(r => matches(r.task + " " + r.why + " " + r.outcome));
  list.sort((a, b) => {
    const p = a[key] ?? -1, q = b[key] ?? -1;
    return way * (typeof p === "string" ? p.localeCompare(q) : p - q);
  });
  document.getElementById("count").textContent = `${list.length} of ${rows.length}`;
  table("tasks", columns.map(c => [c[0], ["start", "seconds", "CPU", "memory"].includes(c[0]) ?
    "number" : ""]), list.slice(0, MOST), r => {
    const row = el("tr", undefined, r.critical ? "critical" : "");
    row.append(el("td", r.task), el("td", r.outcome, r.outcome),
      el("td", r.event ? seconds(r.at) : "", "number"),
      el("td", r.event ? seconds(r.seconds) : "", "number"),
      el("td", r.cpu === undefined ? "" : seconds(r.cpu), "number"),
      el("td", bytes(r.memory), "number"), el("td", r.why));
    return row;
  });
  if (list.length > MOST) {
    const row = el("tr");
    const cell = el("td", `${list.length - MOST} more: the filter finds them`, "dim");
    cell.colSpan = columns.length; row.append(cell);
    document.getElementById("tasks").append(row);
  }
  document.querySelectorAll("#tasks th").forEach((head, i) => {
    head.onclick = () => {
      sorted = [columns[i][1], sorted[0] === columns[i][1] ? -sorted[1] : 1];
      tasks();
    };
  });
}

function failures() {
  const box = document.getElementById("failures");
  if (build.failures.length === 0) return;
  box.append(el("h2", "Failures"));
  for (const failure of build.failures) box.append(el("pre", failure));
}

const filter = document.getElementById("filter");
const draw = lanes();
function look(text) {
  filter.value = text;
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  matches = line => words.every(word => line.toLowerCase().includes(word));
  draw(); tasks(); // in this order: the page is laid out once, with all its rows
}
filter.oninput = () => look(filter.value);
const dress = document.documentElement.dataset;
document.getElementById("theme").onclick = () => {
  dress.theme = dress.theme === "dark" ? "light" : "dark";
  draw();
};
document.getElementById("save").onclick = () => {
  const link = el("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(trace)], { type: "application/json" }));
  link.download = "trace.json";
  link.click();
};
tiles(); failures(); slowest(); kinds();
dress.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
look(decodeURIComponent(location.hash.replace(/^#/, "")));
document.body.dataset.ready = Math.round(performance.now() - begun);
]==]

local body = [[
<header><h1>@TITLE@</h1><span>@DATE@</span><input id="filter" class="push" type="search"
  placeholder="filter: words of task, outcome, reason" size="24"><button id="theme">light or
  dark</button><button id="save">save trace.json</button></header>
<div id="tiles" class="tiles"></div>
<div id="failures"></div>
<h2>Job slots</h2>
<canvas id="lanes"></canvas><pre id="tip"></pre>
<div class="columns"><section><h2>Slowest tasks</h2><table id="slowest"></table></section>
<section><h2>Cache, by kind of task</h2><table id="kinds"></table></section></div>
<h2>Tasks <span id="count" class="dim"></span></h2>
<table id="tasks"></table>
]]

local entities = {["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;"}

local function escape(text)
  return (text:gsub('[&<>"]', entities))
end

-- Nothing in a JSON text may end the element that it is in.
local function embedded(id, json)
  return ('<script type="application/json" id="%s">%s</script>\n'):format(id,
    (json:gsub("<", "\\u003c")))
end

--- The page.
---@param fields {title: string, date: string, trace: string, build: string}   the last two: JSON
---@return string
function M.render(fields)
  return table.concat {
    '<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n<title>',
    escape(fields.title), "</title>\n",
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>\n', style,
    "</style>\n<body>\n",
    (body:gsub("@(%u+)@", {TITLE = escape(fields.title), DATE = escape(fields.date)})),
    embedded("trace", fields.trace), embedded("build", fields.build),
    "<script>\n", script, "</script>\n</body>\n</html>\n",
  }
end

return M
