// @ts-check
/* <palimpsest-blanks> in plain pages: by keyboard alone, in a form, with drafts and kept words, stopped, moved, removed. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../drivers.mjs';
import { MODEL, native, nativePage, slowly } from '../kit.mjs';
import { click, ELEMENT, fill, focused, get, heard, idle, listen, LONG, main, openWith, part, STRICT, tabUntil, TEXT, value } from './component_hands.mjs';
import { scenarios as more } from './component_more.mjs';

export { once } from './component_more.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

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
  assert.match(await tab.evaluate(() => location.href), /blanks\.html$/, 'a form with an open blank is not sent');
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
  await tab.evaluate(() => {
    const one = /** @type {HTMLElement} */ (document.getElementById('one'));
    one.removeAttribute('disabled');
    const set = document.createElement('fieldset');
    one.replaceWith(set);
    set.append(one);
    set.disabled = true;
  });
  assert.deepEqual([await shown(), await sent()], [null, {}]);
  await tab.evaluate(() => /** @type {any} */ (document.querySelector('fieldset')).disabled = false);
  assert.deepEqual(await sent(), { story: text });
  // Reset, and sent.
  kit.server.routes['sent.html'] = (_, answer) => void answer.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><link rel="icon" href="data:,">Sent');
  await tab.evaluate(() => document.forms[0]?.reset());
  assert.equal(await value(tab), TEXT);
  assert.equal(await get(tab, 'complete'), false);
  const again = await fill(tab);
  assert.equal(again, text, 'after a reset, seeds count anew');
  await tab.click('#send');
  await tab.until(() => /sent\.html/.test(location.href), null, 'the form is sent');
  assert.equal(await tab.evaluate(() => new URLSearchParams(location.search).get('story')), text);
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
  kit.server.mishaps.prefix['palimpsest-worker.js'] = slowly(100);
  const tab = await openWith(kit, ELEMENT.replace(TEXT, `<pre>${LONG}</pre>`));
  assert.equal(await get(tab, 'text'), LONG);
  await tab.evaluate(() => /** @type {any} */ (document.getElementById('one')).load());
  // A double click stops nothing.
  await tab.evaluate(() => {
    const button = /** @type {HTMLElement} */ (document.getElementById('one')?.shadowRoot?.querySelector('[part~=fill]'));
    button.focus();
    button.click();
    button.click();
  });
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
  ...more,
};
