// @ts-check
/* <palimpsest-blanks> in plain pages: by keyboard alone, in a form, with drafts and kept words, stopped, moved, removed. */
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../drivers.mjs';
import { library, MODEL, native, nativePage } from '../kit.mjs';
import { findings } from './access.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit
 *  @typedef {any} Tab */

const TEXT = 'Once upon a time there was a ___ who lived in a ___.';
const STRICT = 'Once upon a time there was a [[1-2]] who lived in a [[1-2]].';
const LONG = Array.from({ length: 8 }, (_, i) => `Number ${i + 1} was a [[10]]`).join('.\n');
const ELEMENT = `<palimpsest-blanks id="one" src="${MODEL}" seed="7">${TEXT}</palimpsest-blanks>`;

/** A plain page with this body, and the component's file beside it. */
export async function openWith(/** @type {Kit} */ kit, /** @type {string} */ body, headers = {}, /** @type {{ dark?: boolean, before?: (() => void) | null, wait?: boolean }} */ { dark = false, before = null, wait = true } = {}) {
  const page = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Component</title><link rel="icon" href="data:,"><link rel="stylesheet" href="plain.css"><script type="module" src="component.js"></script><main><h1>A page</h1>${body}</main></html>`;
  for (const name of ['component.js', 'component-inline.js', 'inline.js']) kit.server.extra[name] = join(dirname(library), name);
  kit.server.routes['plain.css'] = (_, answer) => void answer.writeHead(200, { 'content-type': 'text/css' }).end(':root { color-scheme: light dark; color: CanvasText; background: Canvas; } #far { margin-block-start: 5000px; }');
  kit.server.routes['blanks.html'] = (_, answer) => void answer.writeHead(200, { 'content-type': 'text/html', ...headers }).end(page);
  const tab = await kit.tab(before, dark);
  await tab.goto(`${kit.server.url}blanks.html`);
  if (wait) await tab.until(() => !!document.querySelector('palimpsest-blanks')?.shadowRoot, null, 'the component is defined');
  return tab;
}

// ---- what is seen

/** Text of a part of the component, null if it is not shown. */
export const part = (/** @type {Tab} */ tab, /** @type {string} */ selector, id = 'one') =>
  tab.evaluate((/** @type {[string, string]} */ [where, which]) => {
    const found = document.getElementById(which)?.shadowRoot?.querySelector(where);
    return found?.checkVisibility({ visibilityProperty: true }) ? found.textContent : null;
  }, [selector, id]);
const get = (/** @type {Tab} */ tab, /** @type {string} */ name, id = 'one') =>
  tab.evaluate((/** @type {[string, string]} */ [property, which]) => /** @type {any} */ (document.getElementById(which))[property], [name, id]);
const value = (/** @type {Tab} */ tab, id = 'one') => get(tab, 'value', id);
const idle = (/** @type {Tab} */ tab, id = 'one') =>
  tab.until((/** @type {string} */ which) => /** @type {any} */ (document.getElementById(which)).busy === false, id, 'the component is idle');
const main = (/** @type {Tab} */ tab) => part(tab, '[part~=fill]');
/** What has the focus inside of the component. */
const focused = (/** @type {Tab} */ tab) =>
  tab.evaluate(() => {
    const active = document.activeElement?.shadowRoot?.activeElement;
    return active && `${active.part} ${active.ariaLabel ?? active.textContent}${active.ariaPressed ? ` ${active.ariaPressed}` : ''}`;
  });
async function tabUntil(/** @type {Tab} */ tab, /** @type {RegExp} */ wanted, key = 'Tab') {
  for (let i = 0; i < 20; i++) {
    if (wanted.test((await focused(tab)) ?? '')) return;
    await tab.press(key);
  }
  assert.fail(`${key} does not reach ${wanted}; the focus is at ${await focused(tab)}`);
}
/** Presses something with a pointer, inside of the component. */
const click = (/** @type {Tab} */ tab, /** @type {string} */ selector, id = 'one', at = 0) =>
  tab.evaluate((/** @type {[string, string, number]} */ [where, which, nth]) =>
    /** @type {HTMLElement} */ (document.getElementById(which)?.shadowRoot?.querySelectorAll(where)[nth]).click(), [selector, id, at]);
async function fill(/** @type {Tab} */ tab, id = 'one') {
  await click(tab, '[part~=fill]', id);
  await idle(tab, id);
  return value(tab, id);
}
/** Collects the events of the component in `heard`. */
const listen = (/** @type {Tab} */ tab) =>
  tab.evaluate(() => {
    const heard = /** @type {any[]} */ ([]);
    Object.assign(globalThis, { heard });
    for (const name of ['palimpsest-progress', 'palimpsest-fill', 'palimpsest-change', 'palimpsest-error', 'input', 'change'])
      document.addEventListener(name, (event) => heard.push([name, structuredClone(/** @type {CustomEvent} */ (event).detail?.error ? { ...(/** @type {CustomEvent} */ (event).detail), error: null } : (/** @type {CustomEvent} */ (event).detail))]));
  });
const heard = async (/** @type {Tab} */ tab, /** @type {string} */ name) =>
  (await tab.evaluate(() => /** @type {any} */ (globalThis).heard)).filter((/** @type {any[]} */ [which]) => which === name).map((/** @type {any[]} */ [, detail]) => detail);

// ---- scenarios

async function byKeyboard(/** @type {Kit} */ kit) {
  const tab = await openWith(kit, ELEMENT);
  await listen(tab);
  // Nothing large is fetched before it is needed.
  for (const name of [MODEL, 'palimpsest.wasm', 'palimpsest-relaxed.wasm', 'palimpsest-worker.js']) assert.equal(kit.server.count(name), 0, name);
  assert.equal(await value(tab), TEXT);
  await tabUntil(tab, /^blank Blank 1 of 2, 1 or 2 tokens$/);
  await tab.press('ArrowRight');
  assert.equal(await focused(tab), 'blank Blank 2 of 2, 1 or 2 tokens');
  await tab.press('Home');
  assert.equal(await focused(tab), 'blank Blank 1 of 2, 1 or 2 tokens');
  await tabUntil(tab, /^button fill Fill the blanks$/);
  await tab.press('Enter');
  await idle(tab);
  const first = native(STRICT, { seed: 7 });
  assert.equal(await value(tab), first);
  assert.match(await tab.evaluate(() => document.getElementById('one')?.shadowRoot?.querySelector('[role=status]')?.textContent), /^Written: .+; .+\.\s?$/);
  assert.equal(await main(tab), 'Fill again');
  assert.equal((await focused(tab))?.startsWith('button fill'), true, 'the focus stays');
  const [filled] = await heard(tab, 'palimpsest-fill');
  assert.deepEqual([filled.value, filled.seed, filled.drafts.length, filled.drafts[0].text], [first, 7, 1, first]);
  const progress = await heard(tab, 'palimpsest-progress');
  assert.ok(progress.some((/** @type {any} */ one) => one.stage === 'load' && one.phase === 'download' && one.total > 8e6), 'the download is told');
  assert.deepEqual(progress.at(-1), { stage: 'fill', written: 4, total: 4 });

  // A word is kept by key, and the rest is written again.
  await tabUntil(tab, /^word /, 'Shift+Tab');
  await tab.press('End');
  const last = await focused(tab);
  await tab.press('Enter');
  assert.equal(await focused(tab), last.replace(/^word (.*) false$/, 'word kept $1 true'));
  await tab.press('Control+Enter');
  await idle(tab);
  const page = nativePage(STRICT, { seed: 7 });
  const word = page.tokens.findLast((/** @type {any} */ token) => !token.empty);
  const pinned = page.tokens.filter((/** @type {any} */ token) => token.blank === word.blank && (token.index === word.index || (token.empty && token.index === word.index + 1 && word.index === 0)));
  const second = native(STRICT, { seed: 8, pins: pinned });
  assert.equal(await value(tab), second);
  assert.notEqual(second, first);
  assert.match(await focused(tab), /^word kept/, 'the focus is at the word');

  // Undo, step by step.
  await tab.press('Control+z');
  assert.equal(await value(tab), first);
  assert.match(await focused(tab), /true$/, 'the word is kept still');
  await tab.press('Control+z');
  assert.match(await focused(tab), /^word .* false$/);
  await tab.press('Control+z');
  assert.equal(await value(tab), TEXT);
  const changes = (await heard(tab, 'palimpsest-change')).map((/** @type {any} */ one) => `${one.reason} ${one.complete}`);
  assert.deepEqual(changes, ['fill true', 'keep true', 'fill true', 'undo true', 'undo true', 'undo false']);
  assert.equal((await heard(tab, 'input')).length, 5, 'input for each change of the value');
  assert.equal((await heard(tab, 'palimpsest-error')).length, 0);
  for (const url of kit.profile?.requests ?? []) assert.ok(!/^http/.test(url) || url.startsWith(kit.server.origin), url);
}

async function inForm(/** @type {Kit} */ kit) {
  const tab = await openWith(kit, `<form action="sent.html"><label for="one">The story</label><palimpsest-blanks id="one" name="story" required src="${MODEL}" seed="3">${TEXT}</palimpsest-blanks><button id="send">Send</button></form>`);
  const sent = () => tab.evaluate(() => Object.fromEntries(new FormData(/** @type {HTMLFormElement} */ (document.forms[0]))));
  const state = () => tab.evaluate(() => {
    const one = /** @type {any} */ (document.getElementById('one'));
    return [one.validity.valueMissing, one.checkValidity(), one.validationMessage, one.form === document.forms[0], one.labels.length, one.willValidate];
  });
  assert.deepEqual(await state(), [true, false, 'Fill all blanks first.', true, 1, true]);
  assert.deepEqual(await sent(), { story: TEXT });
  assert.equal(await tab.evaluate(() => document.getElementById('one')?.shadowRoot?.querySelector('[part=page]')?.ariaLabel), 'The story');
  await tab.click('label');
  assert.match(await focused(tab), /^button fill/);
  await tab.evaluate(() => document.getElementById('send')?.focus());
  await tab.click('#send');
  assert.match(tab.page.url(), /blanks\.html$/, 'a form with an open blank is not sent');
  assert.ok(await focused(tab), 'the focus is where something is missing');
  const text = await fill(tab);
  assert.deepEqual(await sent(), { story: text });
  assert.deepEqual(await state(), [false, true, '', true, 1, true]);
  // A fieldset that is disabled, and readonly.
  const shown = () => part(tab, '[part~=fill]');
  await tab.evaluate(() => document.getElementById('one')?.toggleAttribute('readonly', true));
  assert.equal(await shown(), null);
  assert.deepEqual(await sent(), { story: text });
  assert.equal(await tab.evaluate(() => document.getElementById('one')?.shadowRoot?.querySelector('[part=page] [role=button]')), null);
  await tab.evaluate(() => (document.getElementById('one')?.removeAttribute('readonly'), document.getElementById('one')?.setAttribute('disabled', '')));
  assert.deepEqual([await shown(), await sent()], [null, {}]);
  await tab.evaluate(() => document.getElementById('one')?.removeAttribute('disabled'));
  // Reset, and sent.
  kit.server.routes['sent.html'] = (_, answer) => void answer.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><link rel="icon" href="data:,">Sent');
  await tab.evaluate(() => document.forms[0]?.reset());
  assert.equal(await value(tab), TEXT);
  assert.equal(await get(tab, 'complete'), false);
  const again = await fill(tab);
  assert.equal(again, text, 'after a reset, seeds count anew');
  await tab.click('#send');
  await tab.until(() => /sent\.html/.test(location.href), null, 'the form is sent');
  assert.equal(new URL(tab.page.url()).searchParams.get('story'), text);
}

/** The browser keeps the state of controls of a page that is loaded again. */
async function restored(/** @type {Kit} */ kit) {
  const tab = await openWith(kit, `<form><palimpsest-blanks id="one" name="story" src="${MODEL}" seed="3">${TEXT}</palimpsest-blanks></form>`);
  await fill(tab);
  await click(tab, '.word');
  const before = await tab.evaluate(() => {
    const one = /** @type {any} */ (document.getElementById('one'));
    // What the browser does when it opens a page again: it calls back with the state that it was given.
    const copy = /** @type {any} */ (document.createElement('palimpsest-blanks'));
    copy.id = 'two';
    const { setFormValue } = ElementInternals.prototype;
    let state = '';
    ElementInternals.prototype.setFormValue = function (_, given) { state = String(given); };
    one.setCustomValidity('');
    one.toggleAttribute('required', true);
    ElementInternals.prototype.setFormValue = setFormValue;
    document.querySelector('main')?.append(copy);
    copy.formStateRestoreCallback(state, 'restore');
    for (const wrong of ['', '{}', '{"palimpsest":1,"text":5}', '{"palimpsest":1,"text":"a ___","tokens":[[9,0,1,"x",1,0]]}', '{"palimpsest":1,"text":"a ___","tokens":[["<",0,1,"x",1,0]]}'])
      document.createElement('palimpsest-blanks').formStateRestoreCallback(wrong);
    return one.value;
  });
  assert.equal(await value(tab, 'two'), before);
  assert.equal(await part(tab, '.kept', 'two'), await part(tab, '.kept'));
  assert.equal(await get(tab, 'text', 'two'), TEXT);
}

async function drafts(/** @type {Kit} */ kit) {
  const tab = await openWith(kit, ELEMENT.replace('seed=', 'drafts="3" seed='));
  await listen(tab);
  const texts = [0, 1, 2].map((draft) => native(STRICT, { seed: 7, draft }));
  assert.equal(await fill(tab), texts[0]);
  const [filled] = await heard(tab, 'palimpsest-fill');
  assert.deepEqual(filled.drafts.map((/** @type {any} */ one) => one.text), texts);
  await tabUntil(tab, /^fill|^button fill/);
  await tab.press('Shift+Tab');
  await tab.press('ArrowDown');
  assert.equal(await value(tab), texts[1]);
  await tab.press('ArrowDown');
  assert.equal(await value(tab), texts[2]);
  assert.equal(await tab.evaluate(() => document.getElementById('one')?.shadowRoot?.querySelectorAll('[part=draft]').length), 3);
  // A word of this draft is kept in all drafts of the next fill.
  await click(tab, '.word');
  const kept = await part(tab, '.kept');
  await fill(tab);
  const again = await get(tab, 'results');
  assert.ok(again.length === 3 && again.every((/** @type {any} */ one) => one.text.includes(kept)), JSON.stringify(again.map((/** @type {any} */ one) => one.text)));
  await click(tab, '[part~=undo]');
  assert.equal(await value(tab), texts[2]);
}

async function stopped(/** @type {Kit} */ kit) {
  const tab = await openWith(kit, ELEMENT.replace(TEXT, `<pre>${LONG}</pre>`));
  assert.equal(await get(tab, 'text'), LONG);
  await tab.evaluate(() => /** @type {any} */ (document.getElementById('one')).load());
  await tabUntil(tab, /fill Fill/);
  await tab.press('Enter');
  await tab.press('Enter'); // a double press stops nothing
  await tab.until(() => (document.getElementById('one')?.shadowRoot?.querySelectorAll('.word').length ?? 0) > 3, null, 'words appear');
  assert.equal(await main(tab), 'Stop');
  assert.match((await part(tab, '[part=status]')) ?? '', /^Writing: \d+ of 80$/);
  await tab.press('Escape');
  await idle(tab);
  assert.equal(await main(tab), 'Fill the rest');
  assert.equal(await get(tab, 'complete'), false);
  const some = await value(tab);
  assert.match(some, /\[\[\d+\]\]/);
  // The rest is written; what was there stays.
  const parts = some.split(/\[\[\d+\]\]/);
  const all = await fill(tab);
  let at = 0;
  for (const piece of parts) {
    const found = all.indexOf(piece.trim(), at);
    assert.ok(found >= at, `${JSON.stringify(piece)} stays in ${JSON.stringify(all)}`);
    at = found + piece.trim().length;
  }
  assert.doesNotMatch(all, /\[\[/);
  assert.equal(await main(tab), 'Fill again');
}

async function wrong(/** @type {Kit} */ kit) {
  kit.noisy = true; // what is not there is on the console
  const tab = await openWith(kit, `<palimpsest-blanks id="one" src="none.gguf">${TEXT}</palimpsest-blanks>`);
  await listen(tab);
  const says = async (/** @type {RegExp} */ wanted) => {
    await fill(tab);
    const said = await part(tab, '[role=alert]');
    assert.match(said ?? '', wanted);
    assert.equal(await value(tab), await get(tab, 'text'), 'the text is as it was');
  };
  const set = (/** @type {Record<string, string | null>} */ attributes) =>
    tab.evaluate((/** @type {Record<string, string | null>} */ given) => {
      for (const [name, to] of Object.entries(given)) to === null ? document.getElementById('one')?.removeAttribute(name) : document.getElementById('one')?.setAttribute(name, to);
    }, attributes);
  await says(/^The server answered 404 for .*none\.gguf\.Try again$/);
  const [error] = await heard(tab, 'palimpsest-error');
  assert.equal(error.code, 'network');
  await set({ src: null });
  await says(/^No model is named: .*src.*\.$/);
  await set({ src: MODEL, temperature: 'hot' });
  await says(/^The attribute temperature must be a number, 0 or more, not "hot"\.$/);
  await set({ temperature: null, seed: '-1' });
  await says(/^The attribute seed must be a whole number from 0 to/);
  await set({ seed: null, drafts: '0' });
  await says(/^The attribute drafts must be a whole number from 1 to 8, not "0"\.$/);
  await set({ drafts: null, sampler: 'magic' });
  await says(/^Sampler must be one of .*margin.*"magic"\.$/);
  await set({ sampler: null, src: 'blanks.html' });
  await says(/\.$/);
  await set({ src: 'http://[bad' });
  await says(/^Not a URL of a file/);
  await set({ src: MODEL });
  await tab.evaluate(() => (/** @type {any} */ (document.getElementById('one')).text = 'No blank.'));
  await says(/^There is no blank in this text: write ___/);
  // A listener that prevents the default shows the error itself.
  await tab.evaluate(() => document.addEventListener('palimpsest-error', (event) => event.preventDefault(), { once: true }));
  await fill(tab);
  assert.equal(await part(tab, '[role=alert]'), null);
  // After an error, all goes on; the text was never lost.
  await tab.evaluate((/** @type {string} */ text) => (/** @type {any} */ (document.getElementById('one')).text = text), TEXT);
  assert.notEqual(await fill(tab), TEXT);
  assert.equal(await part(tab, '[role=alert]'), null);
}

async function download(/** @type {Kit} */ kit) {
  kit.noisy = true;
  kit.server.mishaps.hold = 3e6;
  const tab = await openWith(kit, ELEMENT);
  await click(tab, '[part~=fill]');
  await tab.until(() => /^Downloading the model: \d\.\d of 8\.1 MB$/.test(document.getElementById('one')?.shadowRoot?.querySelector('[part=status]')?.textContent ?? ''), null, 'size and progress are shown');
  assert.equal(await main(tab), 'Cancel');
  await pause(600); // a double click would not cancel
  await click(tab, '[part~=fill]');
  await idle(tab);
  assert.equal(await main(tab), 'Fill the blanks');
  assert.equal(await part(tab, '[part=status]'), null);
  assert.equal(await part(tab, '[role=alert]'), null, 'a cancelled download is no error');
  kit.server.mishaps.hold = null;
  kit.server.mishaps.cut = 2e6;
  await fill(tab);
  assert.match((await part(tab, '[role=alert]')) ?? '', /Try again$/);
  kit.server.mishaps.cut = null;
  await click(tab, '[role=alert] button');
  await idle(tab);
  assert.equal(await value(tab), native(STRICT, { seed: 7 }));
}

async function policy(/** @type {Kit} */ kit) {
  const body = `<script src="policy.js"></script>${ELEMENT.replace('seed=', 'drafts="2" editable seed=')}`;
  // The library starts its worker from an address, which this page's default policy allows; it allows no HTML.
  kit.server.routes['policy.js'] = (_, answer) => void answer.writeHead(200, { 'content-type': 'text/javascript' })
    .end("globalThis.trustedTypes?.createPolicy('default', { createScriptURL: (url) => url });");
  const tab = await openWith(kit, body, { 'content-security-policy': "default-src 'self'; img-src data:; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; require-trusted-types-for 'script'" });
  await fill(tab);
  await click(tab, '.word');
  await click(tab, '[part~=edit]');
  await click(tab, '[part~=edit]');
  assert.deepEqual(await tab.violations(), []);
  const styled = await tab.evaluate(() => getComputedStyle(/** @type {Element} */ (document.getElementById('one')?.shadowRoot?.querySelector('[part~=controls]'))).display);
  assert.equal(styled, 'flex', 'the style sheet works');
}

async function shared(/** @type {Kit} */ kit) {
  const tab = await openWith(kit, `${ELEMENT}${ELEMENT.replace('"one"', '"two"')}<section></section>`);
  await Promise.all(['one', 'two'].map((id) => click(tab, '[part~=fill]', id)));
  await Promise.all([idle(tab), idle(tab, 'two')]);
  const text = native(STRICT, { seed: 7 });
  assert.deepEqual([await value(tab), await value(tab, 'two')], [text, text]);
  assert.deepEqual([kit.server.count(MODEL), kit.server.count('palimpsest-worker.js')], [1, 1], 'one load, one worker');
  const alive = () => tab.evaluate(() => /** @type {any} */ (globalThis).kept.tokenize('x').then(() => true, (/** @type {any} */ error) => error.code));
  await tab.evaluate(async () => Object.assign(globalThis, { kept: await /** @type {any} */ (document.getElementById('two')).load() }));
  // Moved in the page, nothing is lost; removed, the other one goes on; without any, the memory is free.
  await tab.evaluate(() => document.querySelector('section')?.append(/** @type {Node} */ (document.getElementById('one'))));
  await tab.evaluate(() => document.getElementById('two')?.remove());
  await pause(1500);
  assert.equal(await value(tab), text);
  assert.equal(await alive(), true);
  await tab.evaluate(() => {
    const one = /** @type {any} */ (document.getElementById('one'));
    Object.assign(globalThis, { one });
    one.remove();
  });
  await until(async () => (await alive()) === 'disposed', 'the worker is ended');
  // Put in again, it loads again.
  await tab.evaluate(() => document.querySelector('section')?.append(/** @type {any} */ (globalThis).one));
  assert.equal(await value(tab), text, 'the fill is still there');
  assert.equal(await fill(tab), native(STRICT, { seed: 8 }));
}

async function whenSeen(/** @type {Kit} */ kit) {
  const tab = await openWith(kit, `<div id="far">${ELEMENT.replace('seed=', 'autofill seed=')}</div>`);
  await pause(500);
  assert.equal(kit.server.count(MODEL), 0, 'what is not seen loads nothing');
  await tab.evaluate(() => document.getElementById('one')?.scrollIntoView());
  await tab.until(() => /** @type {any} */ (document.getElementById('one')).complete, null, 'it is filled when it is seen');
  assert.equal(await value(tab), native(STRICT, { seed: 7 }));
  const other = await openWith(kit, ELEMENT.replace('seed=', 'autoload seed='));
  await until(() => kit.server.count('palimpsest-worker.js') > 1, 'autoload loads');
  assert.equal(await value(other), TEXT, 'and fills nothing');
}

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
}

export const scenarios = {
  'component: by keyboard alone': byKeyboard,
  'component: in a form': inForm,
  'component: the state of a page that is opened again': restored,
  'component: drafts and kept words': drafts,
  'component: stopped, it keeps what is written': stopped,
  'component: what is wrong is one sentence': wrong,
  'component: a download with size, cancelled, cut, tried again': download,
  'component: a strict policy and Trusted Types': policy,
  'component: two share a model; moved, removed, put in again': shared,
  'component: autoload and autofill wait until they are seen': whenSeen,
  'component: typed text, what was understood, plain text': typed,
  'component: the text between the tags, properties set early': contents,
  'component: from right to left': fromRightToLeft,
  'component: a model of the page': ownModel,
  'component: axe finds nothing, light': (/** @type {Kit} */ kit) => states(kit),
  'component: axe finds nothing, dark': (/** @type {Kit} */ kit) => states(kit, true),
};
