/** The page.
 *
 *  Hooks for tests, beside roles and labels:
 *    data-part="view-text"        the view Text          data-part="view-models"     the view Models
 *    data-part="page"             the page, given text and words; words have role button and data-token
 *    data-part="progress"         the model's state in Text; data-part="model-progress" in Models
 *    data-part="text-error"       a complaint or hint about the text, beside it
 *    data-part="error"            any other failure of a fill
 *    data-part="legend"           what the tints mean    data-part="statistics"      time, evaluations, seed, ...
 *    data-part="pins"             what pins allow        data-part="replay"          the slider
 *    data-part="drafts"           the drafts             data-part="alternatives"    the popover of a word
 *    data-part="loaded" "shipped" "pending" "storage" "kept" "model-error" "kept-error"   parts of Models
 *    data-part="drop"             shown while a file is dragged over the page
 *    data-part="polite" "assertive"   what is read out
 */
import { Engine } from './engine.ts';
import { startRouter } from './router.ts';
import { ModelsView, offerOf } from './views/models.ts';
import { TextView } from './views/text.ts';

const engine = new Engine();
new TextView(engine);
const models = new ModelsView(engine);
startRouter((view) => {
  if (view === 'models') void models.refresh();
});

const [first] = __MODELS__;
if (first) void engine.open(offerOf(first));

addEventListener('load', () => {
  // Without a service worker, or over file:, the page works as long as there is a network.
  if (location.protocol.startsWith('http')) navigator.serviceWorker?.register('./sw.js').catch(() => {});
});
