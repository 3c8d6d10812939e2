/** The style sheet of <palimpsest-blanks>.  Colours follow the text around it, so that it fits light and dark pages; a
 *  constructed style sheet needs no permission of a policy. */

const CSS = /* css */ `
:host {
  --_accent: var(--palimpsest-accent, color-mix(in srgb, #b3402a 66%, currentColor));
  --_line: var(--palimpsest-line, color-mix(in srgb, currentColor 38%, transparent));
  --_soft: color-mix(in srgb, currentColor 9%, transparent);
  --_quiet: color-mix(in srgb, currentColor 74%, transparent);
  --_radius: var(--palimpsest-radius, 0.4em);
  display: block;
  text-align: start;
}
:host(:disabled) .frame { opacity: 0.6; }
:host([hidden]), [hidden] { display: none !important; }
.frame { position: relative; display: grid; grid-template-columns: minmax(0, 1fr); gap: var(--palimpsest-gap, 0.9em); min-inline-size: 0; }
.frame:focus { outline: none; }
.page { line-height: var(--palimpsest-line-height, 1.75); white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext; }

.blank {
  display: inline-block;
  box-sizing: border-box;
  max-inline-size: 100%;
  block-size: 1.3em;
  margin-inline: 0.1em;
  overflow: hidden;
  vertical-align: -0.3em;
  line-height: 1.3;
  -webkit-text-fill-color: transparent; /* and not color, which the line has */
  background: var(--palimpsest-blank, var(--_soft));
  border-block-end: 0.12em solid var(--_line);
  border-radius: calc(var(--_radius) * 0.6) calc(var(--_radius) * 0.6) 0 0;
}
.word {
  color: var(--_accent);
  border-radius: calc(var(--_radius) * 0.5);
  text-decoration: underline 0.08em color-mix(in srgb, currentColor 45%, transparent);
  text-underline-offset: 0.22em;
  text-decoration-skip-ink: none;
}
[role='button'] { cursor: pointer; }
.word[role='button']:hover { background: color-mix(in srgb, currentColor 10%, transparent); }
.blank[role='button']:hover { border-block-end-color: var(--_accent); }
.kept, .kept[role='button']:hover {
  text-decoration: none;
  background: color-mix(in srgb, currentColor 11%, transparent);
  box-shadow: inset 0 0 0 0.08em currentColor;
  padding: 0.08em 0.3em;
  -webkit-box-decoration-break: clone;
  box-decoration-break: clone;
}
:is(.word, .blank, button, textarea, input):focus-visible { outline: 0.16em solid var(--palimpsest-focus, var(--_accent)); outline-offset: 0.14em; }

/* The darker, the less certain.  The ground of the page is not known, so the word has the colour of the text around it. */
:is(.sure-0, .sure-1, .sure-2) { color: inherit; background: color-mix(in srgb, var(--palimpsest-doubt, #b57a1c) var(--_doubt), transparent); }
.sure-2 { --_doubt: 30%; }
.sure-1 { --_doubt: 58%; }
.sure-0 { --_doubt: 86%; }
.popover { position: absolute; z-index: 1; box-sizing: border-box; inline-size: min(20em, 100%); padding: 0.6em 0.8em; font-size: 0.9em; color: CanvasText; background: Canvas; border: 1px solid var(--_line); border-radius: var(--_radius); }
.popover p, .popover ul { margin: 0; padding: 0; list-style: none; }
.popover ul { margin-block: 0.4em; }
.popover li { display: grid; grid-template-columns: minmax(0, 1fr) 4em 4.5em; gap: 0.5em; align-items: center; min-block-size: 2.4em; padding-inline: 0.4em; cursor: pointer; }
.popover li:hover, ul:focus li[aria-selected='true'] { background: var(--_soft); }
.popover li[aria-selected='true'] { box-shadow: inset 0.15em 0 var(--_accent); }
.popover :is(ul, button):focus-visible { outline: 0.16em solid var(--palimpsest-focus, var(--_accent)); }
.asked-word { display: flex; justify-content: space-between; gap: 1em; font-size: 1.1em; }
.choice { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.choice.pinned { font-weight: 600; }
.bar { inline-size: calc(100% * var(--share)); border-block-start: 0.35em solid var(--_line); }
.figure { text-align: end; font-variant-numeric: tabular-nums; }
.quiet { min-block-size: 2em; padding: 0.2em 0.7em; }
.asked { outline: 0.1em solid currentColor; }

.controls { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5em; }
button {
  box-sizing: border-box;
  min-block-size: 2.6em;
  margin: 0;
  padding: 0.4em 1em;
  font: inherit;
  line-height: 1.2;
  color: inherit;
  background: transparent;
  border: 1px solid var(--_line);
  border-radius: var(--_radius);
  cursor: pointer;
}
button:hover { background: var(--_soft); }
button:disabled { opacity: 0.5; cursor: default; }
.fill { font-weight: 600; color: var(--palimpsest-on-accent, #fff); background: var(--palimpsest-accent, #a33b26); border-color: transparent; }
.fill:hover { background: color-mix(in srgb, var(--palimpsest-accent, #a33b26) 86%, #000); }
.fill.stops { color: inherit; background: transparent; border-color: var(--_line); }
.small { min-block-size: 2em; padding: 0.2em 0.7em; font-size: 0.9em; }
@media (pointer: coarse) { button { min-block-size: 44px; } }

.progress { display: flex; flex: 1 1 14em; flex-wrap: wrap; align-items: center; gap: 0.3em 0.8em; min-inline-size: 0; font-size: 0.9em; font-variant-numeric: tabular-nums; }
progress { flex: 1 1 6em; block-size: 0.55em; min-inline-size: 4em; accent-color: var(--palimpsest-accent, #b3402a); }
.hint, .notes { margin: 0; font-size: 0.9em; color: var(--_quiet); }
.error { padding: 0.7em 0.9em; border: 1px solid var(--_line); border-inline-start: 0.3em solid var(--palimpsest-error, #c0392b); border-radius: var(--_radius); }
.error:empty { display: none; }
.error p { margin: 0; overflow-wrap: anywhere; }
.error p + button { margin-block-start: 0.6em; }

.drafts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 13em), 1fr)); gap: 0.5em; min-inline-size: 0; margin: 0; padding: 0; border: 0; }
.drafts legend { padding: 0 0 0.35em; font-size: 0.9em; color: var(--_quiet); }
.draft { display: flex; gap: 0.55em; align-items: baseline; padding: 0.5em 0.7em; border: 1px solid var(--_line); border-radius: var(--_radius); cursor: pointer; }
.draft:hover { background: var(--_soft); }
.draft:has(:checked) { border-color: var(--_accent); box-shadow: inset 0 0 0 1px var(--_accent); }
.draft input { flex: none; margin: 0; accent-color: var(--palimpsest-accent, #b3402a); transform: translateY(0.1em); }
.draft span { min-inline-size: 0; overflow-wrap: anywhere; }

textarea {
  box-sizing: border-box;
  inline-size: 100%;
  min-block-size: 7em;
  margin: 0;
  padding: 0.6em 0.7em;
  font: inherit;
  line-height: 1.6;
  color: inherit;
  background: transparent;
  border: 1px solid var(--_line);
  border-radius: var(--_radius);
  resize: vertical;
  field-sizing: content;
}
.notes { display: grid; gap: 0.5em; padding: 0; list-style: none; }
.notes li { display: flex; flex-wrap: wrap; gap: 0.3em 0.7em; align-items: center; }
.notes p { margin: 0; }
.note p { flex: 1 1 14em; }
code { font-family: var(--palimpsest-mono, ui-monospace, monospace); font-size: 0.95em; padding: 0.05em 0.3em; background: var(--_soft); border-radius: 0.25em; overflow-wrap: anywhere; white-space: pre-wrap; }
.unseen { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

@media (prefers-reduced-motion: no-preference) {
  .fresh { animation: appear 0.35s ease-out; }
  [aria-busy='true'] .blank { animation: wait 1.6s ease-in-out infinite; }
  @keyframes appear { from { opacity: 0; } }
  @keyframes wait { 50% { opacity: 0.55; } }
}
@media (forced-colors: active) {
  .blank { -webkit-text-fill-color: CanvasText; border: 1px solid CanvasText; }
  .word, :is(.sure-0, .sure-1, .sure-2) { color: LinkText; }
  .sure-2 { text-decoration: underline dotted 2px; }
  .sure-1 { text-decoration: underline dashed 2px; }
  .sure-0 { text-decoration: underline double 1px; }
  .popover li[aria-selected='true'] { outline: 2px solid Highlight; }
  .kept, .kept[role='button']:hover { color: HighlightText; background: Highlight; forced-color-adjust: none; box-shadow: none; }
  .draft:has(:checked) { outline: 2px solid Highlight; }
  .fill { border-color: ButtonText; }
}
`;

const sheets = new WeakMap<Document, CSSStyleSheet>();

/** The style sheet for a document; one document cannot use that of another. */
export function styleOf(document: Document): CSSStyleSheet {
  let sheet = sheets.get(document);
  if (!sheet) {
    const { CSSStyleSheet: Sheet } = document.defaultView ?? globalThis;
    sheet = new Sheet();
    sheet.replaceSync(CSS);
    sheets.set(document, sheet);
  }
  return sheet;
}
