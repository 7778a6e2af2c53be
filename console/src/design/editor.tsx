/** The contract as text, with the same parser that the store uses: what is wrong is marked while it is written. */
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { linter, type Diagnostic as Marked } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { drawSelection, EditorView, keymap, lineNumbers } from "@codemirror/view";
import { createEffect, onCleanup, onMount, type JSX } from "solid-js";
import { parse } from "../../../src/contract/index.ts";

function mark(text: string): Marked[] {
  return parse(text).diagnostics.map(({ from, to, severity, message, suggestion, theorem, nearest = [] }) => ({
    from,
    to: Math.max(to, from),
    severity,
    message: theorem === undefined ? message : `${message}. ${theorem.says} (${theorem.source})`,
    actions: [
      ...(suggestion === undefined ? [] : [action(`write ${suggestion}`, suggestion, "range")]),
      ...nearest.map((possible, place) => action(`take possible contract ${place + 1}`, possible, "all")),
    ],
  }));
}

function action(name: string, text: string, what: "range" | "all"): NonNullable<Marked["actions"]>[number] {
  return {
    name,
    apply: (view, from, to) => {
      const range = what === "range" ? { from, to } : { from: 0, to: view.state.doc.length };
      view.dispatch({ changes: { ...range, insert: text } });
    },
  };
}

const look = EditorView.theme({
  "&": { fontSize: "0.92rem", border: "1px solid var(--line)", borderRadius: "10px", background: "var(--ground)" },
  "&.cm-focused": { outline: "3px solid var(--info)", outlineOffset: "2px" },
  ".cm-content": { fontFamily: "var(--mono)", padding: "0.6rem 0", caretColor: "var(--ink)" },
  ".cm-gutters": { background: "transparent", border: "0", color: "var(--soft)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    background: "color-mix(in srgb, var(--info) 28%, transparent)",
  },
  ".cm-lintRange-error": {
    backgroundImage: "none",
    textDecoration: "underline wavy var(--bad)",
    textUnderlineOffset: "4px",
  },
  ".cm-lintRange-warning": {
    backgroundImage: "none",
    textDecoration: "underline wavy var(--lead)",
    textUnderlineOffset: "4px",
  },
  ".cm-tooltip": {
    background: "var(--paper)",
    border: "1px solid var(--line)",
    borderRadius: "8px",
    maxWidth: "34rem",
  },
  ".cm-diagnosticAction": {
    background: "var(--raised)",
    color: "var(--ink)",
    border: "1px solid var(--line)",
    borderRadius: "6px",
    padding: "0.15rem 0.5rem",
  },
});

export function Editor(props: { readonly text: string; readonly onChange: (text: string) => void }): JSX.Element {
  let host!: HTMLDivElement;
  let view: EditorView | undefined;
  onMount(() => {
    // In a shadow the editor adopts its style sheets, which the content-security policy lets it; elsewhere it writes some.
    const shadow = host.attachShadow({ mode: "open" });
    view = new EditorView({
      parent: shadow,
      root: shadow,
      state: EditorState.create({
        doc: props.text,
        extensions: [
          lineNumbers(),
          history(),
          drawSelection(),
          EditorView.lineWrapping,
          // Tab leaves the editor, as it leaves everything else.
          keymap.of([...defaultKeymap, ...historyKeymap]),
          linter((current) => mark(current.state.doc.toString()), { delay: 150 }),
          EditorView.contentAttributes.of({ "aria-label": "Contract" }),
          EditorView.updateListener.of((update) => update.docChanged && props.onChange(update.state.doc.toString())),
          look,
        ],
      }),
    });
    onCleanup(() => view?.destroy());
  });
  createEffect(() => {
    const { text } = props;
    if (view !== undefined && view.state.doc.toString() !== text)
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
  });
  return <div ref={host} class="editor" />;
}
