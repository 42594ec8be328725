"""Style sheet and script of the service's page; nothing is fetched from elsewhere."""

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1f2933; --soft: #56697a; --line: #dde3e9;
  --tint: #f5f7f9; --link: #0060a0; --bad: #a83200; --good: #00704f; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181c; --ink: #e6eaee; --soft: #9fb0bf;
  --line: #333c45; --tint: #1d2329; --link: #6fb6ea; --bad: #ff9a6b; --good: #4fd0a5; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 0 1.25rem 4rem; color: var(--ink); background: var(--paper);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
header { display: flex; justify-content: space-between; align-items: center; padding: .75rem 0;
  border-bottom: 1px solid var(--line); gap: 1rem; flex-wrap: wrap; }
header > a { font-weight: 700; font-size: 1.2rem; text-decoration: none; color: var(--ink); }
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
button.plain { background: transparent; color: var(--ink); border-color: var(--soft); }
:focus-visible { outline: 3px solid #e69f00; outline-offset: 2px; }
.facts { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr));
  margin: 1rem 0; }
.facts div { background: var(--tint); border-radius: .5rem; padding: .6rem .9rem; min-width: 0; }
dt { color: var(--soft); font-size: .85rem; }
dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.failed { color: var(--bad); } .done { color: var(--good); }
figure { margin: 1.5rem 0; border: 1px solid var(--line); border-radius: .5rem; padding: .75rem; }
figure svg { display: block; width: 100%; height: auto; }
figure text { fill: var(--soft); font-size: 12px; }
figure line { stroke: var(--line); }
figure polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .95rem; }
th, td { text-align: left; padding: .4rem 1rem .4rem 0; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
td:first-child { white-space: normal; overflow-wrap: anywhere; min-width: 8rem; }
th { color: var(--soft); font-weight: 600; }
td.number { font-variant-numeric: tabular-nums; }
"""

SCRIPT: Final = """
"use strict";
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"];
const LEFT = 44, TOP = 12, WIDTH = 584, HEIGHT = 212;

function element(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function draw(svg, curves) {
  const points = [...curves.values()].flat();
  if (!points.length) return;
  const last = Math.max(2, ...points.map((point) => point.epoch));
  const low = Math.min(...points.map((point) => point.accuracy));
  const high = Math.max(low + 0.01, ...points.map((point) => point.accuracy));
  const x = (epoch) => LEFT + WIDTH * (epoch - 1) / (last - 1);
  const y = (accuracy) => TOP + HEIGHT * (1 - (accuracy - low) / (high - low));
  const drawn = [];
  for (const share of [0, 0.5, 1]) {
    const value = low + share * (high - low);
    drawn.push(element("line", {x1: LEFT, x2: LEFT + WIDTH, y1: y(value), y2: y(value)}));
    drawn.push(element("text", {x: 2, y: y(value) + 4}, (100 * value).toFixed(1) + "%"));
  }
  for (const epoch of [1, last])
    drawn.push(element("text", {x: x(epoch) - 4, y: TOP + HEIGHT + 22}, String(epoch)));
  for (const [trial, curve] of curves) {
    const line = element("polyline", {stroke: COLOURS[trial % COLOURS.length],
      points: curve.map((point) => x(point.epoch) + "," + y(point.accuracy)).join(" ")});
    line.append(element("title", {}, "Trial " + trial));
    const end = curve[curve.length - 1];
    drawn.push(line, element("circle", {cx: x(end.epoch), cy: y(end.accuracy), r: 3,
      fill: COLOURS[trial % COLOURS.length]}));
  }
  svg.replaceChildren(...drawn);
}

function follow(figure) {
  const curves = new Map(), trained = new Set(), svg = figure.querySelector("svg");
  const events = new EventSource("/v1/searches/" + figure.dataset.search + "/events");
  const open = figure.dataset.open === "1";
  events.onopen = () => curves.clear();
  events.addEventListener("job", (event) => {
    const job = JSON.parse(event.data), state = document.getElementById("state");
    state.textContent = job.cancel && job.state === "running" ? "ending" : job.state;
    state.className = job.state;
  });
  events.addEventListener("epoch", (event) => {
    const epoch = JSON.parse(event.data);
    if (!curves.has(epoch.trial)) curves.set(epoch.trial, []);
    curves.get(epoch.trial).push(epoch);
    draw(svg, curves);
  });
  events.addEventListener("trial", (event) => {
    const trial = JSON.parse(event.data);
    if (["complete", "pruned"].includes(trial.state)) trained.add(trial.trial);
    document.getElementById("trained").textContent = trained.size;
  });
  events.addEventListener("best", (event) => {
    document.getElementById("best").textContent = (100 * JSON.parse(event.data).accuracy).toFixed(1) + "%";
  });
  events.addEventListener("end", () => { events.close(); if (open) location.reload(); });
}

function showWhatFits(form) {
  const shown = document.getElementById("fits"), empty = shown.textContent;
  let timer, asked = 0;
  async function show() {
    const space = form.elements.space.value, budget = form.elements.budget.value.trim(), turn = ++asked;
    if (!space || !budget) { shown.textContent = empty; return; }
    const query = new URLSearchParams(budget.split(/[ ,]+/).map((one) => ["budget", one]));
    query.set("space", space);
    const answer = await fetch("/v1/profile?" + query), said = await answer.json();
    if (turn !== asked) return;
    if (!answer.ok) { shown.textContent = said.detail; return; }
    const macs = said.costs.macs.fitting, millions = (value) => (value / 1e6).toPrecision(3) + "M";
    shown.textContent = (100 * said.share).toPrecision(3) + "% of " + said.size.toPrecision(3)
      + " networks fit; most of them take " + millions(macs[0]) + " to " + millions(macs[macs.length - 1])
      + " MACs (10 classes, colour).";
  }
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(show, 400); });
  show();
}

const figure = document.getElementById("curves"), form = document.getElementById("new");
if (figure) follow(figure);
if (form) showWhatFits(form);
"""
