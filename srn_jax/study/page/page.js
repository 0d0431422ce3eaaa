// One participant's way through the questions. The server has each answer before it tells the next question; what is
// kept in the browser is the participant's token alone.
"use strict";

const IGNORED_MS = 300; // after a pair is shown: the second half of a double tap is no answer to it
const KEYS = { ArrowLeft: "left", ArrowRight: "right", 1: "left", 2: "right" };

const part = (id) => document.getElementById(id);
const sides = ["left", "right"].map(part);
let key = "study", token = null, question = null, again = null;

class Refused extends Error {
  constructor(status, line) {
    super(line);
    this.status = status;
  }
}

async function ask(path, body) {
  const how = body ? { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) } : {};
  const response = await fetch(path, { cache: "no-store", ...how }).catch(() => {
    throw new Error("The page's server does not answer.");
  });
  if (!response.ok) throw new Refused(response.status, (await response.text()).trim());
  return response.json();
}

function remember(value) {
  token = value;
  try {
    value ? localStorage.setItem(key, value) : localStorage.removeItem(key);
  } catch {} // where a browser keeps nothing, a reload begins anew
}

function remembered() {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function show(name) {
  for (const screen of document.querySelectorAll("main")) screen.hidden = screen.id !== name;
  part("trouble").hidden = true;
}

// Does something that may fail; then it says so, and it can be tried again. Whom the study does not know begins anew.
async function trying(action) {
  try {
    await action();
  } catch (error) {
    if (error.status === 404) {
      remember(null);
      return show("start");
    }
    again = action;
    part("trouble").firstElementChild.textContent = error.message;
    part("trouble").hidden = false;
  }
}

async function open() {
  const study = await ask("api/study");
  key = `study ${study.study}`;
  token = remembered();
  part("count").textContent = `${study.questions} ${study.questions === 1 ? "pair" : "pairs"} of pictures`;
  if (!token) return show("start");
  await go(await ask("api/state", { token }));
}

async function begin() {
  const state = await ask("api/join", {});
  remember(state.token);
  await go(state);
}

async function go(state) {
  question = null;
  if (!state.question) {
    part("all").textContent = state.questions;
    return show("end");
  }
  const { number, size, known_size, known, left, right } = state.question;
  part("told").textContent = `${number + 1} of ${state.questions}`;
  part("progress").max = state.questions;
  part("progress").value = state.answered;
  const pair = part("pair");
  pair.classList.add("waiting");
  pair.classList.toggle("wide", size[0] >= 0.9 * size[1]);
  pair.style.setProperty("--aspect", size[0] / size[1]);
  pair.style.setProperty("--part", known_size[0] / size[0]);
  for (const side of sides) {
    side.disabled = true;
    side.classList.remove("chosen");
  }
  show("asking");
  // All three are shown at once, or which comes first would tell something.
  await Promise.all(Object.entries({ known, left, right }).map(([id, address]) => load(part(id).querySelector("img"), address)));
  pair.classList.remove("waiting");
  await new Promise((resolve) => setTimeout(resolve, IGNORED_MS));
  question = number;
  for (const side of sides) side.disabled = false;
}

async function load(image, address) {
  image.src = address;
  await image.decode().catch(() => {
    throw new Error("A picture could not be loaded.");
  });
}

async function choose(side) {
  if (question === null) return;
  const number = question;
  question = null;
  part(side).classList.add("chosen");
  part(side).blur(); // or the next pair would show where this one was answered
  for (const one of sides) one.disabled = true;
  await trying(async () => {
    let state;
    try {
      state = await ask("api/answer", { token, number, side });
    } catch (error) {
      if (error.status !== 409) throw error;
      state = await ask("api/state", { token }); // it was answered in another window: go on from there
    }
    await go(state);
  });
}

for (const side of sides) side.addEventListener("click", () => choose(side.id));
document.addEventListener("keydown", (event) => {
  const side = KEYS[event.key];
  if (!side || event.repeat || event.altKey || event.ctrlKey || event.metaKey || part("asking").hidden) return;
  event.preventDefault();
  choose(side);
});
part("begin").addEventListener("click", async () => {
  part("begin").disabled = true;
  await trying(begin);
  part("begin").disabled = false;
});
part("another").addEventListener("click", () => {
  remember(null);
  show("start");
});
part("trouble").lastElementChild.addEventListener("click", () => {
  part("trouble").hidden = true;
  trying(again);
});
trying(open);
