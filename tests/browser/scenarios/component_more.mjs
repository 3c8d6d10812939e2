// @ts-check
/* More of <palimpsest-blanks>: typed texts, contents, directions, long texts, models, accessibility. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { MODEL, native, nativePage, root, TINY } from '../kit.mjs';
import { findings } from './access.mjs';
import { click, ELEMENT, fill, focused, get, heard, idle, listen, openWith, part, STRICT, tabUntil, TEXT, value } from './component_hands.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

async function typed(/** @type {Kit} */ kit) {
  const tab = await openWith(kit, ELEMENT.replace('seed=', 'editable seed='));
  await listen(tab);
  await fill(tab);
  await tabUntil(tab, /^button edit Edit text$/);
  await tab.press('Enter');
  assert.equal(await focused(tab), 'text Text; ___ is a blank');
  await tab.press('Control+a');
  await tab.type('x = arr[[0]] is [[ 2 ]] and __');
  const notes = () => part(tab, '[part=notes]');
  assert.match((await notes()) ?? '', /^2 blanks:\[\[ 2 \]\] 2 tokens__ 1 or 2 tokens\[\[0\]\]A blank is at least 1 token long\.Plain text$/);
  await tabUntil(tab, /^button Plain text: \[\[0\]\]$/);
  await tab.press('Enter');
  assert.equal(await get(tab, 'text'), 'x = arr\\[[0]] is [[ 2 ]] and __');
  assert.doesNotMatch((await notes()) ?? '', /at least/);
  assert.match(await focused(tab), /^text /, 'the focus is in the text again');
  await tab.press('Control+Enter');
  await idle(tab);
  assert.equal(await value(tab), native('x = arr\\[[0]] is [[2]] and [[1-2]]', { seed: 7 }));
  assert.match((await focused(tab)) ?? 'none', /^(word|button fill)/, 'the focus is not lost');
  assert.ok((await heard(tab, 'palimpsest-change')).some((/** @type {any} */ one) => one.reason === 'edit'));
  // Undo goes back to the text before the typing, and to its fill.
  await tab.press('Control+z');
  await tab.press('Control+z');
  assert.equal(await value(tab), native(STRICT, { seed: 7 }));
}

async function contents(/** @type {Kit} */ kit) {
  const tab = await openWith(kit, `<palimpsest-blanks id="one" notation="strict">
      <p>A ___ <b>and</b>
        a [[2]].</p><p>Two<br>lines &lt;mask&gt; <script type="text/plain">no</script></p>
    </palimpsest-blanks><palimpsest-blanks id="two">a <mask> of ___</palimpsest-blanks>`);
  assert.equal(await get(tab, 'text'), 'A ___ and a [[2]].\n\nTwo\nlines <mask>');
  assert.equal(await get(tab, 'value'), 'A ___ and a [[2]].\n\nTwo\nlines <mask>');
  assert.deepEqual((await get(tab, 'understood')).pieces.filter((/** @type {any} */ one) => one.kind === 'blank').map((/** @type {any} */ one) => one.typed), ['[[2]]']);
  assert.deepEqual((await get(tab, 'understood', 'two')).pieces.filter((/** @type {any} */ one) => one.kind === 'blank').map((/** @type {any} */ one) => one.typed), ['<mask>', '___']);
  // A framework changes the text between the tags; typed text stays.
  await tab.evaluate(() => (/** @type {any} */ (document.getElementById('two')).textContent = 'now ___'));
  await tab.until(() => /** @type {any} */ (document.getElementById('two')).text === 'now ___', null, 'the new text is shown');
  await tab.evaluate(() => (/** @type {any} */ (document.getElementById('two')).text = 'mine [[1]]'));
  await tab.evaluate(() => (/** @type {any} */ (document.getElementById('two')).textContent = 'theirs ___'));
  await pause(100);
  assert.equal(await get(tab, 'text', 'two'), 'mine [[1]]');
  // Copied text has what was typed in the place of a blank.
  assert.equal(await tab.evaluate(() => document.getElementById('one')?.shadowRoot?.querySelector('[part=page]')?.textContent), 'A ___ and a [[2]].\n\nTwo\nlines <mask>');
  // Other words.
  assert.equal(await tab.evaluate(async () => {
    const { words } = await import(/** @type {any} */ (new URL('component.js', location.href).href));
    words.fill = 'Remplir';
    const one = document.createElement('palimpsest-blanks');
    document.body.append(one);
    return one.shadowRoot?.querySelector('[part~=fill]')?.textContent;
  }), 'Remplir');
  // Properties that were set before the element was defined.
  const late = await openWith(kit, '<div></div>', {}, {
    wait: false,
    before: () => addEventListener('DOMContentLoaded', () => {
      const one = document.createElement('palimpsest-blanks');
      Object.assign(one, { id: 'one', text: 'set ___ early', notation: 'typed' });
      document.body.append(one);
    }),
  });
  await late.until(() => /** @type {any} */ (document.getElementById('one'))?.text === 'set ___ early' && !!document.getElementById('one')?.shadowRoot, null, 'early properties count');
}

async function fromRightToLeft(/** @type {Kit} */ kit) {
  const tab = await openWith(kit, '<palimpsest-blanks id="one">كان هناك ___ يعيش في ___ بعيد.</palimpsest-blanks>');
  await tabUntil(tab, /^blank Blank 1/);
  await tab.press('ArrowLeft');
  assert.match(await focused(tab), /^blank Blank 2/);
  const places = await tab.evaluate(() => [...(document.getElementById('one')?.shadowRoot?.querySelectorAll('.blank') ?? [])].map((one) => one.getBoundingClientRect().left));
  assert.ok(places[0] > places[1], 'the first blank is on the right');
}

/** Regression: a click on plain text went to the first blank, and Chromium scrolled there. */
async function clickedText(/** @type {Kit} */ kit) {
  const tab = await openWith(kit, `<palimpsest-blanks id="one"><pre>First ___ here.\n${'A line of text.\n'.repeat(200)}The end.</pre></palimpsest-blanks>`);
  await tab.evaluate(() => scrollTo(0, 2000));
  await tab.page.mouse.click(60, 300);
  await pause(300);
  assert.equal(await tab.evaluate(() => scrollY), 2000);
  await tab.page.mouse.move(30, 300);
  await tab.page.mouse.down();
  await tab.page.mouse.move(120, 340);
  await tab.page.mouse.up();
  assert.match(await tab.evaluate(() => String(document.getElementById('one')?.shadowRoot?.getSelection?.() || getSelection())), /text/, 'text can be selected');
  assert.equal(await tab.evaluate(() => scrollY), 2000);
}

/** A page of 5,000 words and 40 blanks stays usable: typing and keeping a word take no noticeable time. */
async function longText(/** @type {Kit} */ kit) {
  const long = Array.from({ length: 40 }, (_, i) => `${'All the words of a long page, one after the other. '.repeat(12)}Number ${i + 1} is a ___.`).join('\n');
  kit.server.extra['tiny.gguf'] = TINY;
  const tab = await openWith(kit, '<palimpsest-blanks id="one" src="tiny.gguf" seed="7"></palimpsest-blanks>');
  await tab.evaluate((/** @type {string} */ text) => (/** @type {any} */ (document.getElementById('one')).text = text), long);
  await fill(tab);
  assert.equal(await get(tab, 'complete'), true);
  const ms = await tab.evaluate(() => {
    const began = performance.now();
    const one = /** @type {any} */ (document.getElementById('one'));
    for (let i = 0; i < 20; i++) one.shadowRoot.querySelector('.word:not(.kept)').click();
    return performance.now() - began;
  });
  kit.say(`${(ms / 20).toFixed(1)} ms per kept word`);
  assert.equal(await tab.evaluate(() => document.getElementById('one')?.shadowRoot?.querySelectorAll('.kept').length), 20);
}

/** axe in every state, and at the smallest width. */
async function states(/** @type {Kit} */ kit, dark = false) {
  const tab = await openWith(kit, ELEMENT.replace('seed=', 'drafts="2" editable seed='), {}, { dark });
  const look = async (/** @type {string} */ state) => {
    await tab.until(() => document.getElementById('one')?.shadowRoot?.getAnimations().every((one) => one.playState !== 'running'), null, 'no word fades in');
    await findings(tab, state);
  };
  await look('open');
  await fill(tab);
  await look('filled');
  await click(tab, '.word');
  await look('a kept word');
  await click(tab, '[part~=edit]');
  await look('typing');
  await click(tab, '[part~=edit]');
  await tab.evaluate(() => (document.getElementById('one')?.setAttribute('temperature', 'x')));
  await fill(tab);
  assert.ok(await part(tab, '[role=alert]'));
  await look('an error');
  await tab.evaluate(() => (document.getElementById('one')?.setAttribute('readonly', '')));
  await look('readonly');
}

async function ownModel(/** @type {Kit} */ kit) {
  const tab = await openWith(kit, `<palimpsest-blanks id="one">${TEXT}</palimpsest-blanks>`);
  const said = await tab.evaluate(async (/** @type {string} */ url) => {
    const { load } = await import(/** @type {any} */ (new URL('palimpsest.js', location.href).href));
    const model = await load(url);
    const one = /** @type {any} */ (document.getElementById('one'));
    one.model = model;
    one.options = { topK: 5 };
    one.seed = 9;
    const detail = await one.fill();
    one.remove();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const lives = await model.tokenize('x').then(() => true);
    return { value: detail.value, lives, seed: detail.seed };
  }, MODEL);
  assert.deepEqual(said, { value: native(STRICT, { seed: 9, topK: 5 }), lives: true, seed: 9 });
  // A model that cannot choose lengths gets fixed ones; a text that is set during a fill is not overwritten by it.
  kit.server.extra['odd.gguf'] = join(root, 'tests/models/tiny-odd.gguf');
  await tab.evaluate(() => {
    const one = document.createElement('palimpsest-blanks');
    one.setAttribute('src', 'odd.gguf');
    one.id = 'one';
    document.body.append(one);
    one.text = 'the dog ___ the ...';
  });
  assert.doesNotMatch(await fill(tab), /_|\.\.\./);
  assert.equal(await part(tab, '[role=alert]'), null);
  assert.deepEqual((await get(tab, 'results'))[0].tokens.map((/** @type {any} */ one) => one.blank), [0, 1, 1, 1]);
  const late = await tab.evaluate(async () => {
    const one = /** @type {any} */ (document.getElementById('one'));
    const filling = one.fill();
    await Promise.resolve();
    one.text = 'another ___';
    return [await filling, one.value, one.busy];
  });
  assert.deepEqual(late, [null, 'another ___', false]);
}

/** Each word has a tint and its alternatives; one of them takes its place, by keyboard and with a pointer. */
async function alternatives(/** @type {Kit} */ kit) {
  const text = 'Once upon a time there was a [[2]] who lived in a [[1]].';
  const tab = await openWith(kit, `<palimpsest-blanks id="one" src="${MODEL}" seed="7" alternatives certainty>${text}</palimpsest-blanks>`);
  await listen(tab);
  const first = await fill(tab);
  const { tokens } = nativePage(text, { seed: 7 });
  const tints = await tab.evaluate(() => [...(document.getElementById('one')?.shadowRoot?.querySelectorAll('.word') ?? [])].map((one) => one.className.replace(/.*sure-/, '')));
  assert.deepEqual(tints.map(Number), tokens.map((/** @type {any} */ { probability }) => [0.2, 0.45, 0.75].filter((least) => probability >= least).length), 'a tint for each token');
  assert.equal(await part(tab, '[part~=hint]'), 'Click or tap a word to see its alternatives.');

  // By keyboard: open, close, open, choose the second, keep.
  const popover = () => part(tab, '[part~=alternatives]');
  await tabUntil(tab, /^word /, 'Shift+Tab');
  await tab.press('Home');
  await tab.press('Enter');
  const percent = `${Math.round(tokens[0].probability * 100)} %`;
  assert.ok((await popover())?.includes(percent), `${await popover()} ${percent}`);
  await tab.press('Escape');
  assert.equal(await popover(), null);
  assert.match((await focused(tab)) ?? '', /^word /, 'the focus is back at the word');
  await tab.press('Enter');
  await tab.press('Home');
  await tab.press('ArrowDown');
  await tab.press('Enter');
  const other = tokens[0].alternatives[1];
  const word = other.piece.replace('▁', '');
  const { offset, bytes } = tokens[0];
  assert.equal(await value(tab), first.slice(0, offset) + word + first.slice(offset + bytes), 'the alternative is there, and nothing else has changed');
  assert.match((await focused(tab)) ?? '', new RegExp(`^word kept.* ${word}.* true$`));
  assert.equal((await heard(tab, 'palimpsest-change')).at(-1).reason, 'choose');
  await tab.press('Control+Enter');
  await idle(tab);
  assert.equal(await value(tab), native(text, { seed: 8, pins: [{ blank: 0, index: 0, id: other.id }] }), 'the model saw it');

  // With a pointer, and away.
  await click(tab, '.word', 'one', 2);
  assert.ok(await popover());
  await tab.click('h1');
  assert.equal(await popover(), null, 'a press elsewhere closes it');
  await findings(tab, 'alternatives');
}

export const scenarios = {
  'component: typed text, what was understood, plain text': typed,
  'component: the text between the tags, properties set early': contents,
  'component: from right to left': fromRightToLeft,
  'component: a click on plain text scrolls nothing': clickedText,
  'component: 5,000 words and 40 blanks': longText,
  'component: a model of the page': ownModel,
  'component: alternatives and tints': alternatives,
};

export const once = {
  'component: axe finds nothing, light': (/** @type {Kit} */ kit) => states(kit),
  'component: axe finds nothing, dark': (/** @type {Kit} */ kit) => states(kit, true),
};
