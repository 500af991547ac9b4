// The live page of one session. Everything on it is derived from the session's events, so that it is as new as they are.

import { watch } from "./feed.js";

const TIMELINE_MAX = 300; // lines kept in the page; the API has the rest
const TASKS_MAX = 200;
const STATUSES = ["pending", "queued", "running", "blocked", "completed", "failed", "cancelled"];
const OPEN_MONEY = { held: "held", review: "review" };
const STATES = {
  connecting: "connecting",
  history: "reading history",
  live: "live",
  waiting: "connection lost, trying again",
  ended: "ended",
};

const page = document.getElementById("live");
const at = (name) => page.querySelector(`[data-live="${name}"]`);
const tasks = new Map(); // id -> {status, version, type, role, at}
const money = new Map(); // id -> {status, amount, captured}
const cards = new Map(); // id -> {status, reasons, due, task}
let session = page.dataset.status;
let denied = 0;
let lines = [];
let drawing = 0;

watch(page.dataset.session, {
  event(frame) {
    fold(frame);
    lines.push(line(frame));
    draw();
  },
  gap(frame) {
    lines.push(row("", "History before this was removed by retention.", `${frame.from} to ${frame.to ?? "the end"}`, "gap"));
    draw();
  },
  state(name, detail) {
    const shown = at("state");
    shown.dataset.state = name;
    shown.textContent = detail ?? STATES[name];
  },
});

// ---------------------------------------------------------------- what the events add up to

function fold(frame) {
  const { payload } = frame;
  const [app, noun] = frame.type.split(".");
  if (app === "swarm" && noun === "session") session = payload.status;
  if (app === "swarm" && noun === "task" && payload.status) newest(tasks, payload, taskOf(frame));
  if (app === "commerce" && noun === "transaction") newest(money, payload, moneyOf(payload));
  if (app === "safety" && noun === "review") newest(cards, payload, cardOf(frame));
}

function newest(things, payload, fresh) {
  const known = things.get(payload.aggregate_id);
  if (known && known.version > payload.aggregate_version) return;
  if (fresh.status === "denied" && known?.status !== "denied") denied += 1;
  things.set(payload.aggregate_id, { ...known, ...fresh, version: payload.aggregate_version });
}

function taskOf({ payload, at }) {
  return { status: payload.status, type: payload.task_type, role: payload.role, at };
}

function moneyOf(payload) {
  return { status: payload.status, amount: micros(payload.amount_usd), captured: micros(payload.captured_usd ?? "0") };
}

function cardOf({ payload }) {
  const fresh = { status: payload.status, kind: payload.kind, reasons: payload.reasons };
  return payload.due_at ? { ...fresh, due: payload.due_at } : fresh;
}

// Dollars as whole millionths: a sum of floats would not be money.
function micros(text) {
  const [, sign, whole, fraction = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? [0, "", "0"];
  return BigInt(`${sign}${whole}${fraction.slice(0, 6).padEnd(6, "0")}`);
}

function dollars(amount) {
  const digits = amount.toString().padStart(7, "0");
  const cents = digits.slice(-6).replace(/0{1,4}$/, "");
  return `$${digits.slice(0, -6)}.${cents}`;
}

// ---------------------------------------------------------------- drawing, at most once per frame

function draw() {
  drawing ||= requestAnimationFrame(() => {
    drawing = 0;
    drawTimeline();
    drawTasks();
    drawMoney();
    drawCards();
    mark(at("session"), session);
  });
}

function drawTimeline() {
  const list = at("timeline");
  list.prepend(...lines.slice(-TIMELINE_MAX).reverse());
  lines = [];
  while (list.children.length > TIMELINE_MAX) list.lastElementChild.remove();
  at("timeline-empty").hidden = list.children.length > 0;
}

function drawTasks() {
  const counts = Object.fromEntries(STATUSES.map((status) => [status, 0]));
  for (const task of tasks.values()) counts[task.status] += 1;
  for (const status of STATUSES) {
    const tile = page.querySelector(`[data-count="${status}"]`);
    tile.textContent = counts[status];
    tile.parentElement.classList.toggle("none", counts[status] === 0);
  }
  const recent = [...tasks].sort(([, a], [, b]) => (a.at < b.at ? 1 : -1)).slice(0, TASKS_MAX);
  at("tasks").replaceChildren(...recent.map(([id, task]) => taskRow(id, task)));
}

function taskRow(id, task) {
  const made = element("tr", { "data-task": id });
  const link = element("a", { href: page.dataset.taskUrl.replace(page.dataset.placeholder, id) }, task.type);
  const status = element("span", { class: "status" });
  mark(status, task.status);
  for (const content of [link, task.role, status, clock(task.at)]) {
    const cell = element("td");
    cell.append(content);
    made.append(cell);
  }
  return made;
}

function drawMoney() {
  const sums = { held: 0n, review: 0n, captured: 0n };
  for (const { status, amount, captured } of money.values()) {
    if (OPEN_MONEY[status]) sums[OPEN_MONEY[status]] += amount;
    if (status === "captured") sums.captured += captured;
  }
  for (const name of Object.keys(sums)) page.querySelector(`[data-money="${name}"]`).textContent = dollars(sums[name]);
  page.querySelector('[data-money="denied"]').textContent = denied;
}

function drawCards() {
  const waiting = [...cards].filter(([, card]) => card.status === "pending");
  at("cards-count").textContent = waiting.length;
  at("cards-empty").hidden = waiting.length > 0;
  at("cards").replaceChildren(...waiting.map(([id, card]) => cardLine(id, card)));
}

function cardLine(id, card) {
  const made = element("li", { "data-card": id });
  const href = page.dataset.cardUrl.replace(page.dataset.placeholder, id);
  made.append(element("a", { href }, card.reasons.map(words).join(", ") || words(card.kind)));
  if (card.due) made.append(element("small", {}, `due ${clock(card.due)}`));
  return made;
}

// ---------------------------------------------------------------- one line of the timeline

function line(frame) {
  const [, noun, verb] = frame.type.split(".");
  const what = noun === "transaction" ? words(verb) : `${words(noun)} ${words(verb)}`;
  const made = row(clock(frame.at), what, detail(frame), noun);
  made.dataset.type = frame.type;
  made.dataset.position = frame.position;
  made.title = `${frame.type} at ${frame.position}`;
  made.append(element("span", { class: "who" }, frame.actor.split(":")[0]));
  return made;
}

function row(time, what, more, kind) {
  const made = element("li", { class: `kind-${kind}` });
  made.append(element("time", {}, time), element("span", { class: "what" }, what), element("span", { class: "more", title: more }, more));
  return made;
}

function detail({ payload, task }) {
  const amount = payload.captured_usd ?? payload.amount_usd;
  const told = [payload.task_type ?? tasks.get(task)?.type, amount && `$${amount}`, payload.payee, payload.phase, payload.message];
  told.push(payload.reasons?.map(words).join(", "), payload.by_name, payload.reason, payload.note, retrieved(payload.memories));
  return told.filter(Boolean).join(" · ");
}

function retrieved(memories) {
  if (!Array.isArray(memories)) return "";
  if (!memories.length) return "nothing found";
  return `${memories.length} ${memories.length === 1 ? "memory" : "memories"} found, the best ${memories[0].score.toFixed(2)}`;
}

function mark(shown, status) {
  shown.textContent = status;
  shown.dataset.status = status;
}

function element(name, attributes = {}, text = "") {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

function words(code) {
  return String(code).replaceAll("_", " ");
}

function clock(moment) {
  return new Date(moment).toLocaleTimeString([], { hour12: false });
}
