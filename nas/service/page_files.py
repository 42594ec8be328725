"""Style sheet and script of the service's page; nothing is fetched from elsewhere."""

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1f2933; --soft: #56697a; --line: #dde3e9;
  --tint: #f5f7f9; --link: #0060a0; --bad: #a83200; --good: #00704f; --focus: #a35200;
  --curve-0: #0072b2; --curve-1: #c24f00; --curve-2: #00805c; --curve-3: #a8527f; --curve-4: #2580b3;
  --curve-5: #966300; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181c; --ink: #e6eaee; --soft: #9fb0bf;
  --line: #333c45; --tint: #1d2329; --link: #6fb6ea; --bad: #ff9a6b; --good: #4fd0a5; --focus: #f0b030;
  --curve-0: #4aa3df; --curve-1: #f08040; --curve-2: #35c296; --curve-3: #dd9cc0; --curve-4: #8ccdf2;
  --curve-5: #f0b030; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 0 1.25rem 4rem; color: var(--ink); background: var(--paper);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
header { display: flex; justify-content: space-between; align-items: center; padding: .75rem 0;
  border-bottom: 1px solid var(--line); gap: 1rem; flex-wrap: wrap; }
nav { display: flex; gap: 1.25rem; align-items: baseline; }
nav > a:first-child { font-weight: 700; font-size: 1.2rem; text-decoration: none; color: var(--ink); }
a { color: var(--link); }
h1 { font-size: 1.6rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 1.5rem 0 .5rem; }
.soft { color: var(--soft); }
.problem { border-left: 4px solid var(--bad); background: var(--tint); padding: .6rem .9rem; }
.card { background: var(--tint); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem;
  display: grid; gap: .75rem 1rem; margin-bottom: 1.5rem;
  grid-template-columns: repeat(auto-fit, minmax(min(13rem, 100%), 1fr)); }
.card h2, .card p, .card button { grid-column: 1 / -1; margin: 0; justify-self: start; }
label { display: grid; gap: .25rem; font-size: .9rem; color: var(--soft); }
input, select, button, .button { font: inherit; padding: .5rem .7rem; min-height: 2.75rem;
  border-radius: .35rem; border: 1px solid var(--soft); background: var(--paper); color: var(--ink);
  max-width: 100%; }
button, .button { background: #0060a0; border-color: #0060a0; color: #fff; cursor: pointer;
  text-decoration: none; display: inline-block; }
.login { display: grid; gap: .75rem; max-width: 24rem; justify-items: start; }
.login label { width: 100%; }
.buttons { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; margin: 1rem 0; }
button.plain { background: transparent; color: var(--ink); border-color: var(--soft); }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
.facts { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr));
  margin: 1rem 0; }
.facts div { background: var(--tint); border-radius: .5rem; padding: .6rem .9rem; min-width: 0; }
dt { color: var(--soft); font-size: .85rem; }
dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.failed { color: var(--bad); } .done { color: var(--good); }
figure { margin: 1.5rem 0; border: 1px solid var(--line); border-radius: .5rem; padding: .75rem; }
figure svg { display: block; width: 100%; height: clamp(12rem, 40vw, 20rem); }
figure svg:empty { display: none; }
figure text { fill: var(--soft); font-size: 13px; font-variant-numeric: tabular-nums; }
figure line { stroke: var(--line); }
figure polyline { fill: none; stroke: var(--curve); stroke-width: 2; stroke-linejoin: round; }
figure circle { fill: var(--curve); }
figure .best { stroke-width: 4; }
figure text.best { fill: var(--ink); stroke: none; font-weight: 600; }
.curve-0 { --curve: var(--curve-0); } .curve-1 { --curve: var(--curve-1); }
.curve-2 { --curve: var(--curve-2); } .curve-3 { --curve: var(--curve-3); }
.curve-4 { --curve: var(--curve-4); } .curve-5 { --curve: var(--curve-5); }
pre { background: var(--tint); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem;
  overflow: auto; max-height: 30rem; font-size: .85rem; line-height: 1.35; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .95rem; }
th, td { text-align: left; padding: .4rem 1rem .4rem 0; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
td:first-child { white-space: normal; overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; }
th.number, td.number { text-align: right; padding-right: 2rem; }
th.number:first-child, td.number:first-child { width: 3rem; }
@media (max-width: 44rem) {
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody { display: block; }
  tr { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .1rem 1rem; padding: .6rem 0;
    border-bottom: 1px solid var(--line); }
  td, td.number, td.number:first-child { border: 0; padding: 0; text-align: left; width: auto;
    white-space: normal; overflow-wrap: anywhere; }
  td:empty { display: none; }
  td::before { content: attr(data-name) " "; color: var(--soft); font-size: .85rem; }
  td a { display: inline-block; padding: .45rem 0; }
}
"""

SCRIPT: Final = """
"use strict";
const SHORT = new Intl.NumberFormat("en", {notation: "compact", maximumSignificantDigits: 3});
const COLOURS = 6, LEFT = 44, RIGHT = 34, TOP = 12, BOTTOM = 26;

function element(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function ticks(low, high, steps, most) {
  const step = steps.find((one) => Math.floor(high / one) - Math.ceil(low / one) < most) || high - low;
  const found = [];
  for (let at = Math.ceil(low / step); at * step <= high + step * 1e-9; at++) found.push(at * step);
  return found;
}

function draw(svg, curves, best) {
  const points = [...curves.values()].flat(), width = svg.clientWidth, height = svg.clientHeight;
  if (!points.length) return;
  if (!width) { svg.append(element("g", {})); requestAnimationFrame(() => draw(svg, curves, best)); return; }
  svg.setAttribute("viewBox", "0 0 " + width + " " + height);
  const last = Math.max(2, ...points.map((point) => point.epoch));
  const low = Math.min(...points.map((point) => point.accuracy));
  const high = Math.max(low + 0.01, ...points.map((point) => point.accuracy));
  const x = (epoch) => LEFT + (width - LEFT - RIGHT) * (epoch - 1) / (last - 1);
  const y = (accuracy) => TOP + (height - TOP - BOTTOM) * (1 - (accuracy - low) / (high - low));
  const drawn = [];
  for (const value of ticks(low, high, [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5], 5)) {
    drawn.push(element("line", {x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value)}));
    drawn.push(element("text", {x: LEFT - 8, y: y(value) + 4, "text-anchor": "end"},
      +(100 * value).toFixed(1) + "%"));
  }
  for (const epoch of ticks(1, last, [1, 2, 5, 10, 20, 50, 100, 200, 500], 8))
    drawn.push(element("text", {x: x(epoch), y: height - 6, "text-anchor": "middle"}, epoch));
  for (const [trial, curve] of [...curves].sort((a, b) => (a[0] === best) - (b[0] === best))) {
    const colour = "curve-" + trial % COLOURS, end = curve[curve.length - 1];
    const line = element("polyline", {class: colour + (trial === best ? " best" : ""),
      points: curve.map((point) => x(point.epoch) + "," + y(point.accuracy)).join(" ")});
    line.append(element("title", {}, "Trial " + trial));
    drawn.push(line, element("circle", {class: colour, cx: x(end.epoch), cy: y(end.accuracy), r: 3.5}));
    if (trial === best)
      drawn.push(element("text", {class: "best", x: x(end.epoch) + 8, y: y(end.accuracy) + 4}, "#" + trial));
  }
  svg.replaceChildren(...drawn);
}

async function refresh(all) {
  let page;
  try {
    const answer = await fetch(location.href, {cache: "no-store"});
    if (!answer.ok || answer.redirected) return;
    page = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch { return; }
  for (const now of page.querySelectorAll("[data-live]")) {
    const shown = document.getElementById(now.id);
    if (!shown || shown.innerHTML === now.innerHTML) continue;
    if (all || !shown.contains(document.activeElement)) shown.replaceChildren(...now.childNodes);
  }
  document.querySelector("main").dataset.every = page.querySelector("main").dataset.every;
}

function look() {
  const every = +document.querySelector("main").dataset.every;
  if (every) setTimeout(async () => { if (!document.hidden) await refresh(); look(); }, 1000 * every);
  else if (look.again) refresh(true);
  look.again = every;
}

function follow(figure) {
  const curves = new Map(), svg = figure.querySelector("svg"), caption = figure.querySelector("figcaption");
  const events = new EventSource("/v1/searches/" + figure.dataset.search + "/events");
  let best, drawing, asking;
  const drawn = () => { drawing = 0; draw(svg, curves, best); };
  const redraw = () => { drawing ||= requestAnimationFrame(drawn); };
  const news = () => { asking ||= setTimeout(() => { asking = 0; refresh(); }, 500); };
  events.onopen = () => curves.clear();
  events.onerror = () => {
    if (events.readyState === EventSource.CLOSED)
      caption.textContent = "News has stopped: load the page again.";
  };
  events.addEventListener("job", news);
  events.addEventListener("epoch", (event) => {
    const epoch = JSON.parse(event.data);
    if (!curves.has(epoch.trial)) curves.set(epoch.trial, []);
    curves.get(epoch.trial).push(epoch);
    caption.textContent = "Validation accuracy by epoch, one line for each network; the best is thick.";
    redraw();
    news();
  });
  events.addEventListener("trial", news);
  events.addEventListener("best", (event) => { best = JSON.parse(event.data).trial; redraw(); news(); });
  events.addEventListener("end", () => { events.close(); clearTimeout(asking); refresh(true); });
  new ResizeObserver(redraw).observe(svg);
}

function showWhatFits(form) {
  const shown = document.getElementById("fits"), empty = shown.textContent;
  let timer, asked = "";
  async function show() {
    const budget = form.elements.budget.value.trim();
    if (!budget) { asked = ""; shown.textContent = empty; return; }
    const query = new URLSearchParams(budget.split(/[ ,]+/).map((one) => ["budget", one]));
    const grey = form.elements.data.value === "digits";
    if (form.elements.space.value) query.set("space", form.elements.space.value);
    if (grey) query.set("channels", "1");
    const turn = String(query);
    if (turn === asked) return;  // what was typed changes nothing of what fits
    asked = turn;
    const answer = await fetch("/v1/profile?" + query), said = await answer.json();
    if (turn !== asked) return;
    const otherwise = " Without a chosen space, a search takes one by images and budget.";
    const chosen = form.elements.space.value ? "" : otherwise;
    if (!answer.ok) { shown.textContent = said.detail + chosen; return; }
    const macs = said.costs.macs.fitting, millions = (value) => (value / 1e6).toPrecision(3) + "M";
    shown.textContent = (100 * said.share).toPrecision(3) + "% of " + SHORT.format(said.size)
      + " networks of " + said.space + " fit; most of them take " + millions(macs[0]) + " to "
      + millions(macs[macs.length - 1]) + " MACs (10 classes, " + (grey ? "grey" : "colour") + ")." + chosen;
  }
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(show, 400); });
  show();
}

const figure = document.getElementById("curves"), form = document.getElementById("new");
if (figure) follow(figure);
if (form) showWhatFits(form);
look();
"""
