// Where in a mapping a position is: below which keys and list entries, and what has been typed there so far.
//
// The text before the position is read line by line, as YAML is indented; it need not be complete or correct.

export const ENTRY = Symbol("entry of a list");

const KEY = /^(?:"((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)'|([^\s"'{[#&*!|>][^]*?))\s*:(?=\s|$)/;
const isSpace = (character) => character === undefined || /\s/.test(character);

// Returns {steps, side, typed, isEntry, lists, beside}, or null where nothing can be completed: in a comment, in a text.
// `side` is "key" or "value"; `isEntry`: a new entry of a list, which may be either; `lists`: the `for_each` above;
// `beside`: the keys before it in the same {…} (for those on lines of their own see `keysBeside`).
export function placeAt(text, position) {
  const reader = new Reader();
  const lines = text.slice(0, position).split("\n");
  const last = lines.pop();
  for (const line of lines) reader.read(line);
  return reader.placeIn(last);
}

class Reader {
  constructor() {
    this.above = [{ column: -1 }]; // what encloses the line: a key or a list entry each, by column
    this.textBelow = null; // inside a block of text (| or >): the column of its key
    this.flow = null; // inside {…} or […]
  }

  read(line) {
    if (this.flow) return this.#readFlow(line);
    const column = line.search(/\S/);
    if (column < 0 || this.#isText(column) || line[column] === "#") return;
    const content = this.#enterEntries(line, column);
    const rest = line.slice(content);
    const key = KEY.exec(rest);
    const value = key ? rest.slice(key[0].length).trimStart() : rest;
    if (key) this.#enter(content, nameOf(key), value);
    if (/^[{[]/.test(value)) this.#readFlow(value, new Flow());
    else if (key && /^[|>][-+0-9]*\s*(#.*)?$/.test(value)) this.textBelow = content;
  }

  placeIn(line) {
    if (this.flow) return this.#placeInFlow(line);
    const column = line.search(/\S/);
    if (column < 0) {
      if (this.textBelow !== null && line.length > this.textBelow) return null;
      this.#leave(line.length);
      return this.#place("key", "");
    }
    if (this.#isText(column) || line[column] === "#") return null;
    const content = this.#enterEntries(line, column);
    const rest = line.slice(content);
    const key = KEY.exec(rest);
    if (!key) {
      if (/^[{[]/.test(rest)) return this.#placeInFlow(rest, new Flow());
      this.#leave(content);
      return this.#place("key", rest, content > column);
    }
    const value = rest.slice(key[0].length).trimStart();
    this.#enter(content, nameOf(key), "");
    if (/^[{[]/.test(value)) return this.#placeInFlow(value, new Flow());
    return /(^|\s)#/.test(value) ? null : this.#place("value", value);
  }

  #isText(column) {
    if (this.textBelow !== null && column <= this.textBelow) this.textBelow = null;
    return this.textBelow !== null;
  }

  #enterEntries(line, start) {
    let column = start;
    while (line[column] === "-" && isSpace(line[column + 1])) {
      while (this.#top.column > column || (this.#top.column === column && this.#top.step === ENTRY)) this.above.pop();
      this.above.push({ column, step: ENTRY });
      const next = line.slice(column + 1).search(/\S/);
      column = next < 0 ? line.length : column + 1 + next;
    }
    return column;
  }

  #enter(column, name, value) {
    this.#leave(column);
    if (name === "for_each" && value) this.#top.list = withoutComment(value);
    this.above.push({ column, step: name });
  }

  #leave(column) {
    while (this.#top.column >= column) this.above.pop();
  }

  get #top() {
    return this.above.at(-1);
  }

  #readFlow(line, flow = this.flow) {
    this.flow = flow.read(`${line}\n`) ? flow : null;
  }

  #placeInFlow(line, flow = this.flow) {
    if (!flow.read(line) || flow.inComment) return null;
    const lists = flow.levels.map((level) => level.list);
    return { ...this.#place(flow.side, flow.typed, flow.isEntry, flow.steps, lists), beside: flow.levels.at(-1).keys };
  }

  #place(side, typed, isEntry = false, steps = [], lists = []) {
    return {
      side,
      typed: /^["']/.test(typed) ? typed.slice(1) : typed,
      isEntry,
      steps: [...this.above.slice(1).map((level) => level.step), ...steps],
      lists: [...this.above.map((level) => level.list), ...lists].filter(Boolean),
    };
  }
}

// The inside of {…} and […], character by character.
class Flow {
  constructor() {
    this.levels = [];
    this.token = "";
    this.quote = "";
    this.inComment = false;
  }

  // Returns whether the outermost bracket is still open.
  read(text) {
    for (let at = 0; at < text.length; at += 1) {
      this.#take(text[at], text[at + 1]);
      if (!this.levels.length) return false;
    }
    return true;
  }

  #take(character, next) {
    if (character === "\n") this.inComment = false;
    if (this.inComment) return;
    if (this.quote) {
      if (character === this.quote) this.quote = "";
      this.token += character;
      return;
    }
    const level = this.levels.at(-1);
    if (!this.token.trim() && /["']/.test(character)) this.quote = character;
    if (!this.token.trim() && /[{[]/.test(character)) this.levels.push({ opens: character, key: null, keys: [] });
    else if (/[}\]]/.test(character)) this.#close();
    else if (character === ",") this.#next(level);
    else if (character === ":" && isSpace(next) && level.opens === "{" && level.key === null) this.#keyed(level);
    else if (character === "#" && isSpace(this.token.at(-1))) this.inComment = true;
    else this.token += character;
  }

  #keyed(level) {
    level.key = unquoted(this.token.trim());
    level.keys.push(level.key);
    this.token = "";
  }

  #next(level) {
    if (level.key === "for_each") level.list = this.token.trim();
    level.key = null;
    this.token = "";
  }

  #close() {
    this.levels.pop();
    this.token = "";
  }

  get steps() {
    return this.levels.map((level) => (level.opens === "[" ? ENTRY : level.key)).filter((step) => step !== null);
  }

  get side() {
    const level = this.levels.at(-1);
    return level.opens === "{" && level.key === null ? "key" : "value";
  }

  get isEntry() {
    return this.levels.at(-1).opens === "[";
  }

  get typed() {
    return this.token.trimStart();
  }
}

function nameOf(key) {
  return key[1] ?? key[2] ?? key[3];
}

function unquoted(text) {
  return /^(["']).*\1$/.test(text) ? text.slice(1, -1) : text;
}

function withoutComment(value) {
  return unquoted(value.replace(/\s+#.*$/, "").trim());
}

// Returns the keys that stand beside the position in the same block, on lines of their own.
export function keysBeside(text, position) {
  const lines = text.split("\n");
  const number = text.slice(0, position).split("\n").length - 1;
  const column = contentColumn(lines[number]);
  const startsEntry = (line) => contentColumn(line) !== line.search(/\S/);
  const keys = [];
  const note = (line) => {
    const key = contentColumn(line) === column && KEY.exec(line.slice(column));
    if (key) keys.push(nameOf(key));
  };
  const isOutside = (line) => /^\s*[^\s#]/.test(line) && contentColumn(line) < column;
  if (!startsEntry(lines[number])) {
    for (let at = number - 1; at >= 0 && !isOutside(lines[at]); at -= 1) {
      note(lines[at]);
      if (startsEntry(lines[at]) && contentColumn(lines[at]) === column) break;
    }
  }
  for (let at = number + 1; at < lines.length && !isOutside(lines[at]); at += 1) {
    if (startsEntry(lines[at]) && contentColumn(lines[at]) <= column) break;
    note(lines[at]);
  }
  return keys;
}

function contentColumn(line) {
  return /^\s*(?:-\s+)*/.exec(line)[0].length;
}
