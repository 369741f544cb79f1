// The playground: what is typed is run at once, and shown beside it. Nothing is kept in the browser.

import { EditorSelection } from "@codemirror/state";
import { lineFor } from "./field_lines.js";
import { openEditor, showFindings } from "./mapping_editor.js";
import { signedIn } from "./sign_in_again.js";

const WAIT_MS = 350;

async function start() {
  const form = document.querySelector("form[data-playground]");
  if (!form) return;
  const table = await (await fetch("/console/language.json")).json();
  const state = { form, table, fields: [], running: null, timer: 0, isChanged: false };
  const later = () => {
    state.isChanged = true;
    clearTimeout(state.timer);
    state.timer = setTimeout(() => run(state), WAIT_MS);
  };
  state.view = openEditor(form.elements.mapping, {
    table,
    sample: () => state.fields,
    changed: later,
    nonce: document.querySelector("meta[name=style-nonce]").content,
    name: "The mapping",
  });
  form.elements.payload?.addEventListener("input", later);
  form.addEventListener("submit", (event) => submit(state, event));
  form.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-path]");
    if (button) insert(state, button.dataset.path, button.dataset.destination);
    const line = event.target.closest("a.line");
    if (line) goToLine(state, event, Number(line.hash.replace("#line-", "")));
  });
  window.addEventListener("beforeunload", (event) => {
    if (state.isChanged) event.preventDefault();
  });
  await run(state);
}

async function run(state) {
  state.running?.abort();
  const running = new AbortController();
  state.running = running;
  try {
    const answer = await asked(state.form, "/console/playground", running.signal);
    if (!answer) return;
    document.getElementById("result").innerHTML = answer.result;
    document.getElementById("fields").innerHTML = answer.fields_list;
    state.fields = answer.fields;
    showFindings(state.view, answer.findings);
  } catch (error) {
    if (error.name !== "AbortError") say("The bridge does not answer just now. What you typed stays here.");
  }
}

// Returns what became of the form as it is now; null when the person did not sign in again.
async function asked(form, url, signal) {
  const send = () => {
    const body = new URLSearchParams(new FormData(form));
    return fetch(url, { method: "POST", headers: { Accept: "application/json" }, body, signal });
  };
  let response = await send();
  if (response.status === 401) {
    if (!(await signedIn())) return null;
    response = await send();
  }
  const answer = await response.json();
  if (!response.ok) say([answer.error, ...answer.error.details].map(sentence).join(" "));
  return response.ok ? answer : null;
}

// Everything but running leads to another page: somebody whose session has ended signs in first, and loses nothing.
async function submit(state, event) {
  event.preventDefault();
  const { submitter } = event;
  if (!submitter?.hasAttribute("formaction")) return run(state);
  if (submitter.hasAttribute("data-in-place")) return showOutcome(state, submitter.formAction);
  const session = await fetch("/console/session", { headers: { Accept: "application/json" } });
  if (session.status === 401 && !(await signedIn())) return;
  state.isChanged = false;
  state.form.action = submitter.formAction;
  HTMLFormElement.prototype.submit.call(state.form);
}

// Shows what came of an action beside the result: what Meta answered, or a job that reports until it is finished.
async function showOutcome(state, url) {
  say("");
  const answer = await asked(state.form, url);
  const outcome = document.getElementById("outcome");
  if (answer?.outcome) outcome.innerHTML = answer.outcome;
  if (answer?.job) window.htmx.ajax("GET", answer.job, { target: outcome, select: "#job", swap: "innerHTML" });
}

function insert(state, path, destination) {
  const { view } = state;
  const text = view.state.doc.toString();
  const change = lineFor(state.table, text, view.state.selection.main.head, path, destination);
  if (!change) return say(`Put the cursor behind a colon of the mapping, and choose ${path} again.`);
  const anchor = change.from + change.insert.length;
  view.dispatch({ changes: change, selection: EditorSelection.cursor(anchor), scrollIntoView: true });
  view.focus();
  say(`${path} is in the mapping now.`);
}

function goToLine(state, event, number) {
  if (!number || number > state.view.state.doc.lines) return;
  event.preventDefault();
  state.view.dispatch({ selection: EditorSelection.cursor(state.view.state.doc.line(number).from), scrollIntoView: true });
  state.view.focus();
}

function sentence({ message }) {
  return message[0].toUpperCase() + message.slice(1) + (/[.!?]$/.test(message) ? "" : ".");
}

function say(text) {
  document.getElementById("says").textContent = text;
}

start();
