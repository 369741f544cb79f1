// Writes a field of the webhook into a mapping: where the cursor is, or as a line of the block it belongs to.

import { readsAt } from "./completion.js";
import { placeAt } from "./place.js";

// Returns {from, to, insert} for `text` with the cursor at `position`, or null when nobody can say where it belongs.
// `destination` is what the field looks like at Meta, such as user_data.email.
export function lineFor(table, text, position, path, destination) {
  if (readsAt(table, text, position)) {
    const { typed } = placeAt(text, position);
    const rest = /^[^\s,{}[\]"']*/.exec(text.slice(position))[0];
    return { from: position - typed.length, to: position + rest.length, insert: quoted(path) };
  }
  if (!destination) return null;
  const [block, name] = destination.includes(".") ? destination.split(".", 2) : ["", destination];
  return block ? lineInBlock(text, block, `${name}: ${quoted(path)}`) : lineAtTheTop(text, `${name}: ${quoted(path)}`);
}

function lineInBlock(text, block, line) {
  const header = new RegExp(`^${block}:[ \\t]*(#.*)?$`, "m").exec(text);
  if (!header) return new RegExp(`^${block}:`, "m").test(text) ? null : lineAtTheTop(text, `${block}:\n  ${line}`);
  const below = /^(?:\n(?:[ \t].*|[ \t]*#.*|))*/.exec(text.slice(header.index + header[0].length))[0];
  const at = header.index + header[0].length + below.trimEnd().length;
  const indent = /\n([ \t]+)\S/.exec(below)?.[1] ?? "  ";
  return { from: at, to: at, insert: `\n${indent}${line}` };
}

function lineAtTheTop(text, line) {
  const tests = /^(?:tests|samples):/m.exec(text);
  const at = tests ? tests.index : text.length;
  const gap = at > 0 && text[at - 1] !== "\n" ? "\n" : "";
  return { from: at, to: at, insert: `${gap}${line}\n` };
}

function quoted(path) {
  return /^[[{&*!|>'"%@`#]|[,{}]|: | #/.test(path) ? `"${path.replace(/(["\\])/g, "\\$1")}"` : path;
}
