// @ts-check
/* Networks of discrete diffusion (sedd, mdlm) in JavaScript: the fills and bounds of the command, in an engine that only
 * their models fetch. */
import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { built, fails, library, load, modelUrl, noCommand, open, root, run, samplers, scoreSamplers } from './common.mjs';

const pathOf = (/** @type {string} */ name) => join(root, 'tests/golden/arch', `${name}.gguf`);
const PAGE = 'the cat [[4]] the dog and [[2]]';
const TEXT = 'the cat and the dog went to the sea';
const HITTING = /** @type {const} */ ('first-hitting');
/** Models, and the samplers that fill their pages, the default first. */
const MODELS = /** @type {[string, readonly import('../../web/src/types.ts').Sampler[]][]} */ ([
  ['sedd', [HITTING, ...scoreSamplers]],
  ['sedd-uniform', ['tweedie', 'euler', 'euler-corrector']],
  ['mdlm', samplers],
]);

/** Loads a model for one test. */
async function opened(/** @type {import('node:test').TestContext} */ t, /** @type {string} */ name, options = {}) {
  const model = await load(pathToFileURL(pathOf(name)), options);
  t.after(() => model.dispose());
  return model;
}

/** Options for a sampler, for the library and for the command. */
function optionsOf(/** @type {import('../../web/src/types.ts').Sampler} */ sampler) {
  const { takes } = library.samplerProperties[sampler];
  const steps = takes.includes('steps') ? { steps: 6 } : {};
  const corrections = takes.includes('corrections') ? { corrections: 2 } : {};
  const options = { sampler, seed: 5, temperature: 1, ...steps, ...corrections };
  return { options, words: Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]) };
}

for (const [name, own] of MODELS) {
  test(`${name}: every sampler of the model writes what the command writes`, { skip: noCommand }, async (t) => {
    for (const isa of /** @type {const} */ ([undefined, 'simd128'])) {
      const model = await opened(t, name, isa ? { isa } : {});
      assert.deepEqual([...model.info.samplers].sort(), [...own].sort());
      for (const sampler of own) {
        const { options, words } = optionsOf(sampler);
        const filled = await model.infill(PAGE, options);
        const told = JSON.parse(run('infill', '-m', pathOf(name), '--text', PAGE, '--json', ...words));
        assert.deepEqual([filled.text, filled.evaluations, filled.step], [told.text, told.evaluations, told.steps], sampler);
        assert.deepEqual(filled.tokens.map(({ id, step }) => [id, step]), told.tokens.map((/** @type {any} */ one) => [one.id, one.step]), sampler);
      }
      const { sampler } = await model.infill(PAGE, { seed: 1, steps: undefined });
      assert.equal(sampler, name === 'mdlm' ? 'margin' : own[0]);
    }
  });

  test(`${name}: a text is scored by a bound, with the error of its estimate`, { skip: noCommand }, async (t) => {
    const model = await opened(t, name);
    const score = await model.score(TEXT, { standardError: 5, seed: 3 });
    const told = JSON.parse(run('score', '-m', pathOf(name), '--text', TEXT, '--standard-error', 5, '--seed', 3, '--json'));
    const printed = (/** @type {number} */ number) => Number(number.toPrecision(9));
    assert.deepEqual([printed(score.bitsPerByte), printed(score.standardError), score.tokens, score.evaluations, score.bound, score.method],
      [told.bits_per_byte, told.standard_error, told.tokens, told.evaluations, true, 'bound']);
    assert.equal(score.leftOut, told.left_out ?? 0);
    assert.equal(score.standardError > 0, score.estimated);
  });
}

test('the noise of a model is described as the command has it, log-linear and geometric', { skip: noCommand }, async (t) => {
  const schedules = [];
  for (const [name] of MODELS) {
    const { noise } = (await opened(t, name)).info;
    const told = JSON.parse(run('info', '-m', pathOf(name), '--json')).noise;
    if (name === 'mdlm') assert.deepEqual([noise, told], [null, undefined]);
    else {
      const digits = (/** @type {number | undefined} */ number) => Number(number?.toPrecision(9));
      assert.deepEqual([noise?.graph, noise?.schedule, digits(noise?.sigmaMin), digits(noise?.sigmaMax), noise?.states], [told.graph, told.schedule, told.sigma_min, told.sigma_max, told.states ?? 0]);
      schedules.push(noise?.schedule);
    }
  }
  assert.deepEqual(schedules, ['log-linear', 'geometric']);
  assert.equal((await open(t)).info.noise, null);
});

test('the draw of the released code is the command\'s, and another one', { skip: noCommand }, async (t) => {
  const model = await opened(t, 'sedd');
  for (const sampler of /** @type {const} */ (['euler', 'tweedie'])) {
    const { options, words } = optionsOf(sampler);
    const { text } = await model.infill(PAGE, { ...options, released: true });
    assert.equal(text, run('infill', '-m', pathOf('sedd'), '--text', PAGE, '--released', ...words));
    assert.notEqual(text, (await model.infill(PAGE, options)).text);
  }
});

test('with uniform noise open places have tokens, which are not final until the end', async (t) => {
  const model = await opened(t, 'sedd-uniform');
  let [changed, pages] = [0, 0];
  /** @type {import('../../web/src/types.ts').PageToken[]} */
  let before = [];
  for await (const page of model.infill(PAGE, { sampler: 'tweedie', steps: 12, seed: 2 })) {
    pages++;
    assert.equal(page.done, page.open === 0);
    for (const [i, token] of page.tokens.entries()) {
      assert.ok(token.id !== null);
      if (page.done) assert.ok(!token.open && token.step);
      else assert.deepEqual([token.open, token.step, token.fresh, token.probability], [true, null, false, 0]);
      changed += Number(before.length > 0 && before[i]?.id !== token.id && !page.done);
    }
    if (!page.done) {
      assert.equal(page.text, PAGE, 'the page still has its blanks');
      const shown = page.parts.filter((part) => part.token !== undefined).map((part) => part.text);
      assert.deepEqual(shown, page.tokens.map((token) => token.text));
    }
    before = page.tokens;
  }
  assert.ok(pages > 3 && changed > 0, `${pages} pages, ${changed} changes`);
});

test('words that euler-corrector wrote can be taken back', async (t) => {
  const model = await opened(t, 'sedd');
  assert.ok(library.samplerProperties['euler-corrector'].reopens);
  let back = false;
  for (let seed = 0; seed < 8 && !back; seed++) {
    let last = Infinity;
    for await (const { open: now } of model.infill('the [[9]] sea', { sampler: 'euler-corrector', steps: 16, corrections: 3, seed })) {
      back ||= now > last;
      last = now;
    }
    assert.equal(last, 0);
  }
  assert.ok(back);
});

test('what does not go together is named, with what to use', async (t) => {
  const [absorb, uniform, masked, other] = [await opened(t, 'sedd'), await opened(t, 'sedd-uniform'), await opened(t, 'mdlm'), await open(t)];
  const refused = async (/** @type {import('../../web/src/types.ts').Model} */ model, /** @type {any} */ options, /** @type {RegExp} */ says) =>
    assert.match((await fails(model.infill(PAGE, options).result(), 'option')).message, says);
  await refused(absorb, { sampler: 'margin' }, /this model computes scores, and its samplers are first-hitting, tweedie, euler/);
  await refused(uniform, { sampler: HITTING }, /its samplers are tweedie, euler and euler-corrector/);
  for (const model of [masked, other]) {
    await refused(model, { sampler: 'tweedie' }, /this model predicts masked tokens, and fills blanks with first-hitting, margin/);
    await refused(model, { corrections: 2 }, /does not use the option corrections/);
    await refused(model, { released: true }, /does not use the option released/);
  }
  await refused(absorb, { sampler: 'euler', corrections: 2 }, /does not use the option corrections/);
  await refused(absorb, { sampler: 'euler', released: true }, /needs temperature 1/);
  await refused(uniform, { sampler: 'euler', released: true, temperature: 1 }, /whose noise is the mask/);
  await refused(absorb, { sampler: 'euler-corrector', corrections: 1001 }, /^corrections must be between 1 and 1000/);
  assert.match((await fails(absorb.score(TEXT, { method: 'margin' }), 'option')).message, /only be scored with method bound/);
  assert.match((await fails(uniform.infill('the [[2-4]] sea').result(), 'unsupported', 4)).message, /exact lengths/);
  await Promise.all([absorb.generate('the').result(), absorb.surprise('the'), absorb.chat([{ role: 'user', content: 'hello' }]).result()].map((call) => fails(call, 'unsupported')));
  assert.match((await fails(load(pathToFileURL(pathOf('sedd')), { adapter: modelUrl('tiny-rows') }), 'unsupported')).message, /cannot have an adapter/);
  assert.ok((await absorb.infill(PAGE, { seed: 1 })).done, 'the model stays usable');
});

test('their engine, and no other, is fetched for them', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'palimpsest-'));
  t.after(() => rm(folder, { recursive: true }));
  const engines = (/** @type {string} */ file) => file.endsWith('.wasm');
  for (const file of await readdir(built)) if (file.startsWith('palimpsest') && (!engines(file) || file.includes('-scores'))) await copyFile(join(built, file), join(folder, file));
  const base = `${pathToFileURL(folder).href}/`;
  for (const [name] of MODELS) assert.ok((await (await opened(t, name, { base })).infill(PAGE, { seed: 1 })).done);
  await assert.rejects(load(modelUrl('tiny-infill'), { base }));
});

test('palimpsest/inline says that it has no engine for them', async () => {
  const inline = await import(pathToFileURL(join(built, 'inline.js')).href);
  await assert.rejects(inline.load(pathToFileURL(pathOf('sedd'))), { code: 'unsupported', message: /palimpsest\/inline has no engine .* sedd, mdlm and sudoku: import 'palimpsest'/ });
  assert.deepEqual(inline.scoreSamplers, scoreSamplers);
});
