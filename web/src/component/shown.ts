/** What the panel shows in each state of the component. */
import { itemsOf, NO_PINS, wordsOf, type Filled } from './fills.ts';
import type { PanelState } from './panel.ts';
import type { Run } from './run.ts';
import type { ModelSource } from './source.ts';
import { words } from './words.ts';

export interface Shown {
  run: Run | null;
  source: ModelSource;
  filled: Filled | null;
  /** Number of blanks. */
  blanks: number;
  complete: boolean;
  fixed: boolean;
  canUndo: boolean;
  editable: boolean;
  editing: boolean;
  /** What is said below a filled text. */
  hintText: string;
}

export function panelState({ run, source, filled, blanks, complete, hintText, ...rest }: Shown): PanelState {
  return {
    ...rest,
    main: mainWords(run, filled, complete),
    stops: run !== null,
    progress: progressOf(run, source),
    drafts: draftWords(filled, blanks),
    chosen: filled?.chosen ?? 0,
    hintText,
    hint: !rest.fixed && !rest.editing && !run && complete && filled !== null,
  };
}

function mainWords(run: Run | null, filled: Filled | null, complete: boolean): string {
  if (run) return run.filled ? words.stop : words.cancel;
  if (!filled) return words.fill;
  return complete ? words.again : words.rest;
}

function progressOf(run: Run | null, { loading }: ModelSource): PanelState['progress'] {
  if (run?.filled) return { text: words.filling(run.written, run.total), share: run.total ? run.written / run.total : null };
  if (!loading) return null;
  const { progress } = loading;
  return { text: words.loading(progress), share: progress?.total ? progress.loaded / progress.total : null };
}

/** What each draft has written; empty if there is only one. */
function draftWords(filled: Filled | null, blanks: number): string[] {
  const { drafts, pins } = filled ?? { drafts: [], pins: NO_PINS };
  if (drafts.length < 2) return [];
  return drafts.map(({ tokens }) => wordsOf(itemsOf(tokens, pins, blanks)).filter(Boolean).join(' · '));
}
