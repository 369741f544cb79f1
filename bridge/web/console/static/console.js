// Times in the viewer's own zone, keys, and copy buttons. Every page works without it.
"use strict";

(() => {
  const inZone = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

  function localTimes(root) {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const moment = new Date(time.dateTime);
      if (Number.isNaN(moment.valueOf())) continue;
      time.title = time.dateTime;
      time.textContent = inZone.format(moment);
    }
  }

  function copyButtons(root) {
    for (const text of root.querySelectorAll("[data-copy]:not([data-copies])")) {
      text.dataset.copies = "yes";
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Copy";
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(text.dataset.copy);
        button.textContent = "Copied";
      });
      text.after(" ", button);
    }
  }

  function fileSizes(root) {
    for (const input of root.querySelectorAll("input[data-most-bytes]")) {
      input.addEventListener("change", () => {
        const tooLarge = (input.files[0]?.size ?? 0) > Number(input.dataset.mostBytes);
        input.setCustomValidity(tooLarge ? "This file is too large. Split it, or import it with the command." : "");
        input.reportValidity();
      });
    }
  }

  function enhance(root) {
    localTimes(root);
    copyButtons(root);
    fileSizes(root);
  }

  function moved(step) {
    const rows = [...document.querySelectorAll("a.row")];
    const at = rows.indexOf(document.activeElement);
    const next = rows[at < 0 ? 0 : Math.min(Math.max(at + step, 0), rows.length - 1)];
    next?.focus();
  }

  const keys = {
    "/": () => document.querySelector(".filters input")?.focus(),
    j: () => moved(1),
    k: () => moved(-1),
    r: () => document.querySelector("[data-key=r]")?.click(),
    "?": () => document.getElementById("keys")?.showModal(),
  };

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, select, textarea, [contenteditable], dialog");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });
  document.addEventListener("DOMContentLoaded", () => {
    sessionStorage.removeItem("htmx-current-path-for-history"); // nothing is kept in the browser
    enhance(document);
  });
  document.addEventListener("htmx:load", (event) => enhance(event.target));
  // what is refreshed must not take the focus away from a row, nor close what somebody has opened
  let focused = null;
  let opened = [];
  document.addEventListener("htmx:beforeSwap", () => {
    focused = document.activeElement?.getAttribute("href");
    opened = [...document.querySelectorAll("details[open][id]")].map((one) => one.id);
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
    if (focused) document.querySelector(`a.row[href="${CSS.escape(focused)}"]`)?.focus();
  });
})();
