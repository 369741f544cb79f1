// What a mapping may say at a position: keys, words and fields of the webhook, out of the table that the bridge
// makes of its grammar (bridge/mapping/language/completion.py).

import { ENTRY, keysBeside, placeAt } from "./place.js";
import { ranked } from "./ranking.js";

const NOTHING = Object.freeze({});

// Returns {from, side, options: [{label, says, kind}]}, or null where nothing can be completed.
// `fields` are those of the sample: {path, shown, looks_like} each.
export function completionsAt(table, fields, text, position) {
  const place = placeAt(text, position);
  if (!place) return null;
  const shape = shapeAt(table, place.steps);
  const offered = [];
  if (place.side === "key") offered.push(...keysOf(shape, place.beside ?? keysBeside(text, position)));
  if (place.side === "value" || place.isEntry) offered.push(...wordsOf(shape));
  const readsHere = place.side === "key" && !place.isEntry ? shape.keys_are_fields : shape.reads || shape.keys_are_fields;
  const brace = shape.reads ? place.typed.lastIndexOf("{") : -1;
  const inBraces = brace >= 0 && !place.typed.includes("}", brace);
  const typed = inBraces ? place.typed.slice(brace + 1) : place.typed;
  if (readsHere) offered.push(...fieldsAt(table, fields, place.lists));
  const named = new Map(offered.map((option) => [option.label, option]));
  return {
    from: position - typed.length,
    side: place.side,
    options: ranked(typed, named.keys()).map((label) => named.get(label)),
  };
}

// Returns what the key at a position means, null where there is none.
export function keyAt(table, text, position) {
  const end = position + /^[^\s:,{}[\]"']*/.exec(text.slice(position))[0].length;
  const place = placeAt(text, end);
  if (!place || place.side !== "key" || !place.typed) return null;
  const key = shapeAt(table, place.steps).keys?.[place.typed];
  return key ? { from: end - place.typed.length, to: end, name: place.typed, says: key.says } : null;
}

// Tells whether a field of the webhook can be written at a position.
export function readsAt(table, text, position) {
  const place = placeAt(text, position);
  return Boolean(place && (place.side === "value" || place.isEntry) && shapeAt(table, place.steps).reads);
}

export function shapeAt(table, steps) {
  const named = (shape) => (typeof shape === "string" ? table.shapes[shape] : shape) ?? NOTHING;
  return steps.reduce(
    (shape, step) => named(step === ENTRY ? shape.entries : (shape.keys?.[step]?.shape ?? shape.any_key)),
    named("file"),
  );
}

function keysOf(shape, beside) {
  const keys = shape.keys ?? NOTHING;
  const written = new Set(beside.map((name) => keys[name]?.same));
  return Object.entries(keys)
    .filter(([, key]) => !written.has(key.same))
    .map(([label, key]) => ({ label, says: key.says, kind: "key" }));
}

function wordsOf(shape) {
  return (shape.words ?? []).map((label) => ({ label, says: "", kind: "word" }));
}

// Inside the entries of a list a path begins at the entry, and `$.` begins at the whole webhook.
function fieldsAt(table, fields, lists) {
  const inEntries = (path) => lists.reduce((left, list) => left && belowEntry(left, list), path);
  const options = fields.map((field) => {
    const below = lists.length ? inEntries(field.path) : null;
    const whole = lists.length && !field.path.startsWith("$") ? `$.${field.path}` : field.path;
    const says = [field.shown, field.looks_like].filter(Boolean).join(" · ");
    return { label: below ?? whole, says, kind: "field", isBelow: Boolean(below) };
  });
  const ordered = [...options.filter((option) => option.isBelow), ...options.filter((option) => !option.isBelow)];
  return [...ordered, ...table.system.map((label) => ({ label, says: "", kind: "system" }))];
}

function belowEntry(path, list) {
  const rest = path.startsWith(list) ? path.slice(list.length) : "";
  return /^\.(?:first|\d+)\.(.+)/.exec(rest)?.[1] ?? null;
}
