// @ts-check
/* Every scenario, in the order in which they are played; those of `scenarios` in both browsers. */
import * as access from './scenarios/access.mjs';
import * as chat from './scenarios/chat.mjs';
import * as component from './scenarios/component.mjs';
import * as continuing from './scenarios/continue.mjs';
import * as documents from './scenarios/documents.mjs';
import * as editor from './scenarios/editor.mjs';
import * as moreEditor from './scenarios/editor_more.mjs';
import * as hands from './scenarios/editor_hands.mjs';
import * as english from './scenarios/english.mjs';
import * as filling from './scenarios/filling.mjs';
import * as foreign from './scenarios/foreign.mjs';
import * as guide from './scenarios/guide.mjs';
import * as keeping from './scenarios/keeping.mjs';
import * as lab from './scenarios/lab.mjs';
import * as loading from './scenarios/loading.mjs';
import * as mistakes from './scenarios/mistakes.mjs';
import * as models from './scenarios/models.mjs';
import * as pictures from './scenarios/pictures.mjs';
import * as morePictures from './scenarios/pictures_more.mjs';
import * as offline from './scenarios/offline.mjs';
import * as policies from './scenarios/policies.mjs';
import * as recipes from './scenarios/recipes.mjs';
import * as resuming from './scenarios/resuming.mjs';
import * as scores from './scenarios/scores.mjs';
import * as sharing from './scenarios/sharing.mjs';
import * as sudoku from './scenarios/sudoku.mjs';
import * as talk from './scenarios/talk.mjs';
import * as threads from './scenarios/threads.mjs';
import * as visits from './scenarios/visits.mjs';

const groups = [
  filling,
  editor,
  moreEditor,
  hands,
  sharing,
  continuing,
  chat,
  talk,
  english,
  pictures,
  morePictures,
  sudoku,
  visits,
  threads,
  loading,
  keeping,
  resuming,
  models,
  foreign,
  scores,
  lab,
  mistakes,
  offline,
  policies,
  recipes,
  access,
  guide,
  component,
  documents,
];
/** @typedef {Record<string, (kit: import('./kit.mjs').Kit) => Promise<void>>} Scenarios */

/** What these check is made by the page's own code and hardly by a browser's: words, links, lists, errors.  A whole test run
 *  plays them in one browser only. */
const alike = new Set([continuing, talk, english, models, foreign, mistakes, sharing, recipes, documents, guide, lab, sudoku]);

/** Those of `once` are played in Chromium only: what they check is the same in every browser (axe looks at roles, names and
 *  colours), or only Chromium tells it. */
export const scenariosFor = (/** @type {string} */ browser, short = false) =>
  groups.filter((group) => !(short && alike.has(group))).flatMap((/** @type {{ scenarios: Scenarios, once?: Scenarios }} */ { scenarios, once }) =>
    [...Object.entries(scenarios), ...(browser === 'chromium' && once ? Object.entries(once) : [])]);
