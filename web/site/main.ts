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
 *    data-part="drop"             shown while a file is dragged over the page
 *    data-part="polite" "assertive"   texts for screen readers
 */
import { PalimpsestError } from 'palimpsest';
import { continues, draws, Engine, fills } from './engine.ts';
import { lastSet } from './pictures/sets.ts';
import { startRouter, type View } from './router.ts';
import { ContinueView } from './views/continue.ts';
import { TextModels } from './text-models.ts';
import { ModelsView, offerOf } from './views/models.ts';
import { PicturesView } from './views/pictures.ts';
import { TextView } from './views/text.ts';

document.documentElement.classList.add('alive'); // frame.css
const engines = { text: new Engine(fills), continue: new Engine(continues), pictures: new Engine(draws) };
const all = Object.values(engines);
for (const engine of all) engine.others = all.filter((other) => other !== engine);
const textModels = new TextModels(engines);

/** The model of a view is loaded when the view is first shown; that of Text also for Models, which describes it.  Pictures
 *  has several models and loads the chosen one. */
function loadFor(view: View): void {
  if (view !== 'pictures') return textModels.enter(view === 'models' ? 'text' : view);
  const shipped = lastSet();
  if (shipped) engines.pictures.begin(offerOf(shipped));
}

/** The shown view is built at once, so that it appears as early as possible; the others are built after it has been drawn. */
const build: Record<View, () => void> = {
  text: () => new TextView(engines.text, textModels),
  continue: () => new ContinueView(engines.continue, textModels),
  pictures: () => new PicturesView(engines.pictures),
  models: () => (models = new ModelsView(engines)),
};
const built = new Set<View>();
function need(view: View): void {
  if (built.has(view)) return;
  built.add(view);
  build[view]();
}
let models: ModelsView | null = null;

startRouter((view) => {
  loadFor(view);
  need(view);
  if (view === 'models') void models?.refresh();
});
for (const [i, view] of (['models', 'text', 'continue', 'pictures'] as const).entries()) setTimeout(() => need(view), 100 * (i + 1));

/** What could not be fetched is fetched when the network is back. */
addEventListener('online', () => {
  for (const engine of all) if (engine.failure?.error instanceof PalimpsestError && engine.failure.error.code === 'network') engine.retry();
});

/** The page requires Trusted Types: only this script, and the library's worker, can be named. */
function trusted(script: './sw.js'): string {
  const { trustedTypes } = globalThis as { trustedTypes?: { createPolicy(name: string, rules: object): { createScriptURL(script: string): string } } };
  return trustedTypes ? trustedTypes.createPolicy('palimpsest-page', { createScriptURL: (given: string) => given }).createScriptURL(script) : script;
}

addEventListener('load', () => {
  // Without a service worker, or over file:, the page works as long as there is a network.
  if (location.protocol.startsWith('http')) navigator.serviceWorker?.register(trusted('./sw.js')).catch(() => {});
});
