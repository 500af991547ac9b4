// A session's timeline inside a console page, newest first; the statuses of tasks that the page shows follow it.

import { watch } from "./feed.js";

const SHOWN_MAX = 100; // lines in the page; the live page and the event log have more
const TONES = {
  pending: "plain", queued: "info", running: "mark", blocked: "warn", completed: "good", failed: "bad", cancelled: "plain",
};
const STATES = { connecting: "connecting", history: "reading history", live: "live", waiting: "connection lost, trying again" };

for (const panel of document.querySelectorAll("[data-timeline]")) follow(panel);

function follow(panel) {
  const list = panel.querySelector("ol");
  const state = panel.querySelector("[data-state]");
  watch(panel.dataset.timeline, {
    event(frame) {
      if (list.querySelector(`[data-position="${frame.position}"]`)) return; // the page came with it
      const made = line(frame);
      if (frame.task && frame.task === panel.dataset.own) made.classList.add("chm-own");
      list.prepend(made);
      if (list.children.length > SHOWN_MAX) list.lastElementChild.remove();
      if (frame.type.startsWith("swarm.task.") && frame.payload.status) mark(frame.task, frame.payload);
    },
    gap() {
      list.prepend(item("history before this was removed by retention", "", ""));
    },
    state(name, detail) {
      state.dataset.state = name;
      state.textContent = detail ?? STATES[name];
    },
  }, panel.dataset.after ?? "");
}

function line(frame) {
  const [, noun, verb] = frame.type.split(".");
  const made = item(words(`${noun} ${verb}`), told(frame.payload), `${frame.actor.split(":")[0]} · ${clock(frame.at)}`);
  made.dataset.type = frame.type;
  made.dataset.task = frame.task ?? "";
  made.dataset.position = frame.position;
  made.title = `${frame.type} at ${frame.position}`;
  return made;
}

function told(payload) {
  const money = payload.amount_usd && `$${payload.amount_usd} for ${payload.payee || payload.category || "an unnamed payee"}`;
  const reasons = payload.reasons?.map(words).join(", ");
  return [payload.task_type, money, payload.phase, payload.message, reasons, payload.by_name, payload.reason, payload.note]
    .filter(Boolean)
    .join(" · ");
}

function mark(task, payload) {
  const label = document.querySelector(`span[data-task="${task}"] .chm-label`);
  if (!label || Number(label.dataset.version ?? 0) > payload.aggregate_version) return;
  label.dataset.version = payload.aggregate_version;
  label.className = `chm-label chm-${TONES[payload.status]}`;
  label.textContent = payload.status;
}

function item(what, more, who) {
  const made = document.createElement("li");
  const said = made.appendChild(document.createElement("div"));
  said.append(part("chm-what", what), " ", part("chm-words", more));
  made.append(part("chm-who", who));
  return made;
}

function part(kind, text) {
  const made = document.createElement("span");
  made.className = kind;
  made.textContent = text;
  return made;
}

function words(code) {
  return String(code).replaceAll("_", " ");
}

function clock(moment) {
  return new Date(moment).toLocaleTimeString([], { hour12: false });
}
