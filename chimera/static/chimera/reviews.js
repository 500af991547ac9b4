// The keyboard of the reviewers' queue and of a card's page. A key leads to what it names, and Enter does it: no single
// key decides anything. Buttons say their keys themselves (aria-keyshortcuts); those with data-press are pressed at once.

const ORDER = "chimera.reviews.order"; // the cards of the list that was shown last, for j and k on a card's page
const MOVES = ["j", "k"]; // these go on while they are held down
const DECISIONS = ["a", "e", "r", "c"];
const AGAIN_MS = 5_000; // whoever sends a form once more after that means it

const help = document.querySelector("dialog[data-keys]");
const card = document.querySelector("[data-card]");
const links = [...document.querySelectorAll("#result_list .data-row")]
  .map((row) => row.querySelector("th a[href], td a[href]"))
  .filter(Boolean);

if (document.querySelector("[data-queue]")) remember();
if (card) {
  tellSeen();
  lead(location.hash.slice(1));
}
for (const opener of document.querySelectorAll("[data-opens-keys]")) opener.addEventListener("click", () => help.showModal());
document.addEventListener("keydown", pressed);
document.addEventListener("submit", once);

function pressed(event) {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.form) {
    event.preventDefault();
    send(event.target.form);
    return;
  }
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || help.open || writes(event.target)) {
    if (event.key === "?" && help.open) help.close();
    return;
  }
  if (event.repeat && !MOVES.includes(event.key)) {
    if (document.querySelector(`[aria-keyshortcuts="${CSS.escape(event.key)}"]`)) event.preventDefault(); // held down, it is meant once
    return;
  }
  if (act(event.key)) event.preventDefault();
}

// A second click, or a second Enter, before the answer is there: it would take a second card, or decide what is decided.
function once(event) {
  const form = event.target;
  if (form.method !== "post") return;
  if (performance.now() - (form.sentAt ?? -AGAIN_MS) < AGAIN_MS) event.preventDefault();
  else form.sentAt = performance.now();
}

function act(key) {
  if (MOVES.includes(key)) return move(key === "j" ? 1 : -1);
  if (key === "/") return focusOn(document.querySelector("#searchbar, input[name=q]"));
  if (key === "x") return tick();
  if (links.length && DECISIONS.includes(key) && links.includes(document.activeElement)) {
    location.assign(`${document.activeElement.href}#${key}`);
    return true;
  }
  return lead(key);
}

function writes(place) {
  return place instanceof HTMLElement && (place.isContentEditable || place.matches("textarea, select, input:not([type=checkbox])"));
}

// What is named by a key: a form is opened and its first field focused; a decision of one click is focused; the rest is pressed.
function lead(key) {
  const named = key && document.querySelector(`[aria-keyshortcuts="${CSS.escape(key)}"]`);
  if (!named) return false;
  if ("press" in named.dataset) {
    named.click();
    return true;
  }
  if (named.matches("summary")) {
    named.parentElement.open = true;
    return focusOn(named.parentElement.querySelector("textarea, input:not([type=hidden])"));
  }
  return focusOn(named);
}

function focusOn(place) {
  if (!place) return false;
  place.focus({ focusVisible: true });
  place.scrollIntoView({ block: "nearest" });
  return true;
}

function move(step) {
  if (card) return moveOn(step);
  if (!links.length) return false;
  const now = links.findIndex((link) => link.closest(".data-row").contains(document.activeElement));
  const next = now < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, now + step));
  return focusOn(links[next]);
}

function tick() {
  const row = document.activeElement?.closest(".data-row");
  const box = row?.querySelector("input.action-select");
  if (!box) return false;
  box.click();
  return true;
}

// ---------------------------------------------------------------- from card to card

function remember() {
  sessionStorage.setItem(ORDER, JSON.stringify(links.map((link) => link.pathname)));
}

function moveOn(step) {
  const order = JSON.parse(sessionStorage.getItem(ORDER) ?? "[]");
  const now = order.indexOf(location.pathname);
  const next = now < 0 ? undefined : order[now + step];
  if (next) location.assign(next);
  return true;
}

function tellSeen() {
  const form = document.querySelector("form[data-seen]");
  if (form) fetch(form.action, { method: "POST", body: new FormData(form), keepalive: true }).catch(() => {}); // it stays "new"
}

function send(form) {
  const button = form.querySelector("button[type=submit]");
  if (form.method === "post" && button) form.requestSubmit(button);
}
