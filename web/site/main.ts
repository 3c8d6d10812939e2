/** The page.
 *
 *  Hooks for tests, beside roles and labels:
 *    data-part="view-text"        the view Text          data-part="view-models"     the view Models
 *    data-part="view-continue"    the view Continue; its page, state, errors, statistics and popover:
 *    data-part="continued" "writer-progress" "continue-error" "continue-statistics" "continue-alternatives"
 *    data-part="talk" "chat-error" "chat-statistics"   the conversation there, its errors, and what the last answer cost
 *    data-part="surprise-legend"  what the tints of surprise mean
 *    data-part="view-pictures"    the view Pictures; its state, errors, pictures, slider, statistics, what is chosen:
 *    data-part="picture-progress" "picture-error" "gallery" "picture-replay" "picture-statistics" "chosen"
 *    data-part="comparing"        the samplers to compare    data-part="pad"          where a part is marked
 *    data-part="view-sudoku"      the view Sudoku; its board, state, what the solver says, the outcome, the chosen cell:
 *    data-part="board" "sudoku-progress" "sudoku-error" "verdict" "outcome" "sudoku-cell" "sudoku-replay" "orders"
 *    data-part="page"             the page, given text and words; words have role button and data-token
 *    data-part="model-choice-text" "model-choice-continue"   the choice of the model; -error-text, -error-continue: its errors
 *    data-part="progress"         the model's state in Text; data-part="model-progress" in Models
 *    data-part="text-error"       an error or hint about the text, beside it
 *    data-part="error"            any other error of a fill
 *    data-part="legend"           what the tints mean    data-part="statistics"      time, evaluations, seed, ...
 *    data-part="pins"             what pins allow        data-part="replay"          the slider
 *    data-part="drafts"           the drafts             data-part="alternatives"    the popover of a word
 *    data-part="loaded" "shipped" "pending" "storage" "kept" "model-error" "kept-error"   parts of Models
 *    data-part="address-error" "confirm"   a model by its address: what is wrong with it, and the dialog
 *    data-part="offline" "offline-note" "offline-parts" "offline-progress" "offline-error"   saving for offline use
 *    data-part="view-lab"         the view Lab; its errors, the progress of a chart, its errors, figures, main figures in words:
 *    data-part="lab-error" "lab-progress" "lab-chart-error" "lab-part" "lab-words"
 *    data-part="view-guide" "guide-1" ...   the view Guide and its screens
 *    data-part="drop"             shown while a file is dragged over the page
 *    data-part="polite" "assertive"   texts for screen readers
 */
import { PalimpsestError } from 'palimpsest';
import { byId } from './dom.ts';
import { continues, draws, Engine, fills, solves } from './engine.ts';
import { complain, remedies, settle } from './errors.ts';
import type { LabView } from './lab/view.ts';
import { named } from './named-script.ts';
import { lastSet } from './pictures/sets.ts';
import { startRouter, type View } from './router.ts';
import { GuideView } from './views/guide.ts';
import { ContinueView } from './views/continue.ts';
import { TextModels } from './text-models.ts';
import { ModelsView, offerOf } from './views/models.ts';
import { PicturesView } from './views/pictures.ts';
import type { SudokuView } from './views/sudoku.ts';
import { TextView } from './views/text.ts';

document.documentElement.classList.add('alive'); // frame.css
const engines = { text: new Engine(fills), continue: new Engine(continues), pictures: new Engine(draws), sudoku: new Engine(solves) };
const all = Object.values(engines);
for (const engine of all) engine.others = all.filter((other) => other !== engine);
const textModels = new TextModels(engines);

/** The model of a view is loaded when the view is first shown; that of Text also for Models, which
 *  describes it, and for Guide, which uses it.  Pictures has several models and loads the chosen one. */
function loadFor(view: View): void {
  if (view === 'lab') return;
  const boards = __MODELS__.find((model) => model.use === 'boards');
  if (view === 'sudoku') return boards && engines.sudoku.begin(offerOf(boards));
  if (view !== 'pictures') return textModels.enter(view === 'models' || view === 'guide' ? 'text' : view);
  const shipped = lastSet();
  if (shipped) engines.pictures.begin(offerOf(shipped));
}

/** The shown view is built at once, so that it appears as early as possible; the others are built after it has been drawn. */
const build: Record<View, () => void> = {
  text: () => new TextView(engines.text, textModels),
  continue: () => new ContinueView(engines.continue, textModels),
  pictures: () => new PicturesView(engines.pictures),
  lab: () => {},
  sudoku: () => {},
  guide: () => (guide = new GuideView([engines.text, engines.continue])),
  models: () => (models = new ModelsView(engines)),
};
const built = new Set<View>();
function need(view: View): void {
  if (built.has(view)) return;
  built.add(view);
  build[view]();
}
let models: ModelsView | null = null;
let guide: GuideView | null = null;

/** The view Lab is a program of its own, fetched when it is opened. */
let lab: Promise<LabView> | null = null;
async function enterLab(chart: string): Promise<void> {
  settle(byId('lab-error'));
  lab ??= import('./lab/view.ts').then(({ LabView }) => new LabView({ engines, textModels }));
  try {
    (await lab).enter(chart);
  } catch {
    lab = null;
    const detail = 'It is fetched when it is first opened; after that it also works without a network.';
    complain(byId('lab-error'), { title: 'The Lab could not be fetched.', detail, remedy: 'retry' }, remedies('retry', () => void enterLab(chart)));
  }
}

/** So is the view Sudoku. */
let sudoku: Promise<SudokuView> | null = null;
async function enterSudoku(): Promise<void> {
  settle(byId('sudoku-error'));
  sudoku ??= import('./views/sudoku.ts').then(({ SudokuView }) => new SudokuView(engines.sudoku));
  try {
    await sudoku;
  } catch {
    sudoku = null;
    const detail = 'It is fetched when it is first opened; after that it also works without a network.';
    complain(byId('sudoku-error'), { title: 'This view could not be fetched.', detail, remedy: 'retry' }, remedies('retry', () => void enterSudoku()));
  }
}

startRouter((view, rest) => {
  loadFor(view);
  need(view);
  if (view === 'models') void models?.refresh();
  if (view === 'lab') void enterLab(rest);
  if (view === 'sudoku' && !sudoku) void enterSudoku();
  if (view === 'guide') guide?.enter(rest);
  else guide?.leave();
});
for (const [i, view] of (['models', 'text', 'continue', 'pictures'] as const).entries()) setTimeout(() => need(view), 100 * (i + 1));

/** What could not be fetched is fetched when the network is back. */
addEventListener('online', () => {
  for (const engine of all) if (engine.failure?.error instanceof PalimpsestError && engine.failure.error.code === 'network') engine.retry();
});

addEventListener('load', () => {
  // Without a service worker, or over file:, the page works as long as there is a network.
  if (location.protocol.startsWith('http')) navigator.serviceWorker?.register(named('./sw.js')).catch(() => {});
});
