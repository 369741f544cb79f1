// CodeMirror over the text area of a mapping: highlighted, completed, explained and marked, and kept in step with it.

import { autocompletion, completionKeymap, startCompletion } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { EditorView, highlightActiveLine, hoverTooltip, keymap, lineNumbers } from "@codemirror/view";
import { classHighlighter } from "@lezer/highlight";
import { completionsAt, keyAt } from "./completion.js";

const WORD = /^[^\s:,{}[\]"']*/;

// `sample()` returns the fields of the webhook that is tried; `changed()` is called after each change of the text.
export function openEditor(textarea, { table, sample, changed, nonce, name }) {
  const view = new EditorView({
    state: EditorState.create({
      doc: textarea.value,
      extensions: [
        EditorView.cspNonce.of(nonce),
        EditorView.domEventHandlers({ beforeinput: typedOverSelection }),
        EditorView.contentAttributes.of({ "aria-label": name }),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged) return;
          textarea.value = update.state.doc.toString();
          changed();
        }),
        EditorView.lineWrapping,
        lineNumbers(),
        highlightActiveLine(),
        history(),
        bracketMatching(),
        yaml(),
        indentUnit.of("  "),
        syntaxHighlighting(classHighlighter),
        autocompletion({ override: [(context) => completions(context, table, sample())], maxRenderedOptions: 12 }),
        hoverTooltip((_view, position) => explanation(view, table, position)),
        lintGutter(),
        keymap.of([...completionKeymap, ...lintKeymap, ...historyKeymap, ...defaultKeymap]),
      ],
    }),
  });
  view.scrollDOM.tabIndex = 0;
  view.scrollDOM.setAttribute("role", "region");
  view.scrollDOM.setAttribute("aria-label", `${name}, scrollable`);
  textarea.hidden = true;
  textarea.after(view.dom);
  return view;
}

// Typing over a selection is done here: browsers would leave inline styles behind, which the policy forbids.
function typedOverSelection(event, view) {
  const { selection } = view.state;
  if (event.inputType !== "insertText" || event.data === null || view.composing || selection.main.empty) return false;
  event.preventDefault();
  view.dispatch(view.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true });
  return true;
}

function completions(context, table, fields) {
  const text = context.state.doc.toString();
  const found = completionsAt(table, fields, text, context.pos);
  const isEmpty = found && found.from === context.pos;
  if (!found?.options.length || (isEmpty && !context.explicit)) return null;
  const options = found.options.map((option) => ({
    label: option.label,
    type: option.kind,
    detail: option.kind === "field" ? option.says : undefined,
    info: option.kind === "key" ? option.says : undefined,
    apply: option.kind === "key" ? applyKey : undefined,
  }));
  return { from: found.from, to: endOfWord(text, context.pos), options, filter: false };
}

function endOfWord(text, position) {
  return position + WORD.exec(text.slice(position))[0].length;
}

function applyKey(view, completion, from, to) {
  const hasColon = /^\s*:/.test(view.state.sliceDoc(to, view.state.doc.lineAt(to).to));
  const insert = hasColon ? completion.label : `${completion.label}: `;
  view.dispatch({ changes: { from, to, insert }, selection: { anchor: from + insert.length } });
  if (!hasColon) startCompletion(view);
}

function explanation(view, table, position) {
  const key = keyAt(table, view.state.doc.toString(), position);
  if (!key?.says) return null;
  return {
    pos: key.from,
    end: key.to,
    above: true,
    create() {
      const dom = document.createElement("div");
      dom.className = "explains";
      const name = document.createElement("strong");
      name.textContent = key.name;
      dom.append(name, ` ${key.says}`);
      return { dom };
    },
  };
}

// Marks what the bridge found wrong with the text, as it was when it was asked.
export function showFindings(view, findings) {
  const { doc } = view.state;
  const diagnostics = findings
    .filter((finding) => finding.line && finding.line <= doc.lines)
    .map((finding) => diagnostic(doc, finding));
  view.dispatch(setDiagnostics(view.state, diagnostics));
}

function diagnostic(doc, finding) {
  const line = doc.line(finding.line);
  const from = Math.min(line.from + (finding.column ?? 1) - 1, line.to);
  const word = WORD.exec(doc.sliceString(from, line.to))[0];
  const message = finding.fix ? `${finding.message} (${finding.fix})` : finding.message;
  return {
    from,
    to: Math.max(from + word.length, Math.min(from + 1, line.to)),
    severity: finding.severity,
    message,
    actions: word && finding.suggestion && finding.code !== "wrong_block" ? [replacement(finding.suggestion)] : [],
  };
}

function replacement(text) {
  return {
    name: `Write ${text}`,
    apply: (view, from, to) => view.dispatch({ changes: { from, to, insert: text } }),
  };
}
