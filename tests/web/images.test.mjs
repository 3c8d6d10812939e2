// @ts-check
/* Pictures: the same bytes as the command, frames, labels, guidance, redrawing, several at once, stopping, likelihood,
 * and every error. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { deflateSync } from 'node:zlib';
import { built, command, dice, fails, imageSamplers, load, modelPath, noCommand, open, run } from './common.mjs';

const LABELS = 'unet-labels'; // 14 x 14, grey, three labels, every head
const PLAIN = 'unet-plain'; // 7 x 9, colours, no labels, no heads
const timeout = 120_000;
/** Enough steps that there is time to stop it. */
const LONG = { sampler: /** @type {const} */ ('annealed-langevin'), steps: 60_000, seed: 1 };
const noImage = noCommand || (execFileSync(command, ['--help'], { encoding: 'utf8' }).includes('image') ? false : 'the command has no image');
/** @type {import('node:fs').PathLike} */
let folder;
test.before(async () => void (folder = await mkdtemp(join(tmpdir(), 'palimpsest-'))));
test.after(() => rm(folder, { recursive: true }));

/** The pictures of a frame in the network's layout: one after the other, with the network's channels. */
function bytesOf(/** @type {{ pictures: ImageData[] }} */ { pictures }, /** @type {number} */ channels) {
  return Buffer.concat(pictures.map(({ data }) => Buffer.from(data.filter((_, i) => i % 4 < channels))));
}

/** The same from the command. */
async function native(/** @type {string} */ name, /** @type {(string | number)[]} */ ...words) {
  const file = join(String(folder), 'native.raw');
  run('image', '-m', modelPath(name), '--raw', file, ...words);
  return readFile(file);
}

/** A PNG of bytes [height, width, channels]. */
function png(/** @type {number} */ width, /** @type {number} */ height, /** @type {number} */ channels, /** @type {Uint8Array} */ pixels) {
  const crc = (/** @type {Buffer} */ data) => {
    let sum = ~0;
    for (const byte of data) {
      sum ^= byte;
      for (let k = 0; k < 8; k++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
    }
    return ~sum >>> 0;
  };
  const chunk = (/** @type {string} */ name, /** @type {Buffer} */ data) => {
    const body = Buffer.concat([Buffer.from(name), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(crc(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, channels === 1 ? 0 : 2], 8);
  const lines = Array.from({ length: height }, (_, y) => Buffer.from([0, ...pixels.subarray(y * width * channels, (y + 1) * width * channels)]));
  const parts = [chunk('IHDR', head), chunk('IDAT', deflateSync(Buffer.concat(lines))), chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...parts]);
}

/** Steps for a sampler: the minimum that it allows. */
const stepsOf = (/** @type {string} */ sampler) => (sampler === 'annealed-langevin' ? 100 : sampler === 'probability-flow' ? undefined : 5);

test('info tells what a picture model can, and that a text model cannot', async (t) => {
  const { info } = await open(t, LABELS);
  assert.ok(info.image);
  const { width, height, channels, labels, samplers, missing, sampler, guidance, schedule, scheduleSteps } = info.image;
  assert.deepEqual(
    { width, height, channels, labels, samplers, missing, sampler, guidance, schedule, scheduleSteps },
    { width: 14, height: 14, channels: 1, labels: ['alpha', 'beta', 'gamma'], samplers: [...imageSamplers], missing: {}, sampler: 'sn-ddpm', guidance: true, schedule: 'linear', scheduleSteps: 20 },
  );
  assert.deepEqual([info.architecture, info.canInfill, info.canGenerate, info.canTokenize, info.canScore, info.whyNot], ['unet', false, false, false, false, null]);
  const plain = (await open(t, PLAIN)).info.image;
  assert.ok(plain);
  assert.deepEqual([plain.width, plain.height, plain.channels, plain.labels, plain.guidance, plain.sampler], [7, 9, 3, [], false, 'ddpm']);
  assert.deepEqual(Object.keys(plain.missing).sort(), imageSamplers.filter((name) => /^(analytic|npr|sn)-/.test(name)).sort());
  assert.deepEqual([...plain.samplers, ...Object.keys(plain.missing)].sort(), [...imageSamplers].sort());
  for (const why of Object.values(plain.missing)) assert.match(String(why), /dpm-solver\+\+/);
  assert.equal((await open(t)).info.image, null);
});

for (const isa of /** @type {const} */ ([undefined, 'simd128']))
  test(`the pictures are those of the command, for every sampler, ${isa ?? 'the best engine'}`, { skip: noImage, timeout }, async (t) => {
    for (const name of [LABELS, PLAIN]) {
      const model = await open(t, name, isa ? { isa } : {});
      const image = /** @type {import('../../web/src/types.ts').ImageInfo} */ (model.info.image);
      for (const sampler of image.samplers) {
        const steps = stepsOf(sampler);
        const frame = await model.image({ sampler, seed: 2n ** 64n - 1n, first: 5, count: 2, ...(steps && { steps }), ...(!steps && { tolerance: 0.05 }) }).result();
        const words = ['--sampler', sampler, '--seed', String(2n ** 64n - 1n), '--first', 5, '--count', 2, ...(steps ? ['--steps', steps] : ['--tolerance', 0.05])];
        assert.ok(bytesOf(frame, image.channels).equals(await native(name, ...words)), `${name}, ${sampler}`);
        assert.deepEqual([frame.done, frame.sampler, frame.seed, frame.first, frame.isa], [true, sampler, 2n ** 64n - 1n, 5, model.info.isa]);
      }
    }
  });

test('every option is that of the command', { skip: noImage, timeout }, async (t) => {
  const model = await open(t, LABELS);
  /** @type {[import('../../web/src/types.ts').ImageOptions, (string | number)[]][]} */
  const same = [
    [{ steps: 4 }, ['--steps', 4]],
    [{ steps: 4, label: 'Beta', guidance: 2.5 }, ['--steps', 4, '--label', 'beta', '--guidance', 2.5]],
    [{ steps: 4, label: 2 }, ['--steps', 4, '--label', 2]],
    [{ steps: 4, label: [0, 1, 2] }, ['--steps', 4, '--label', 'all']],
    [{ steps: 4, grid: 'quadratic', clipX0: false, clipPixel: 0 }, ['--steps', 4, '--grid', 'quadratic', '--clip-x0', 'off', '--clip-pixel', 0]],
    [{ steps: 4, sampler: 'ddpm', variance: 'large' }, ['--steps', 4, '--sampler', 'ddpm', '--variance', 'large']],
    [{ steps: 4, sampler: 'ddim', eta: 0.5 }, ['--steps', 4, '--sampler', 'ddim', '--eta', 0.5]],
    [{ steps: 4, sampler: 'reverse-sde', process: 've', sigmaMax: 0.4, sigmaMin: 0.05 }, ['--steps', 4, '--sampler', 'reverse-sde', '--process', 've', '--sigma-max', 0.4, '--sigma-min', 0.05]],
    [{ steps: 4, sampler: 'predictor-corrector', correctors: 2, snr: 0.1 }, ['--steps', 4, '--sampler', 'predictor-corrector', '--correctors', 2, '--snr', 0.1]],
    [{ steps: 4, sampler: 'probability-flow', solver: 'heun' }, ['--steps', 4, '--sampler', 'probability-flow', '--solver', 'heun']],
    [{ steps: 100, sampler: 'annealed-langevin', langevinStep: 0.3, iterations: 2 }, ['--steps', 100, '--sampler', 'annealed-langevin', '--langevin-step', 0.3, '--iterations', 2]],
  ];
  const seen = new Set();
  for (const [options, words] of same) {
    const frame = await model.image({ seed: 3, count: 3, ...options }).result();
    const bytes = bytesOf(frame, 1);
    assert.ok(bytes.equals(await native(LABELS, '--seed', 3, '--count', 3, ...words)), words.join(' '));
    seen.add(bytes.toString('hex'));
  }
  assert.equal(seen.size, same.length, 'and none is without effect');
});

test('the times can be given', async (t) => {
  const model = await open(t, LABELS);
  const even = await model.image({ seed: 1, sampler: 'ddim', steps: 4 }).result();
  const given = await model.image({ seed: 1, sampler: 'ddim', times: [1, 0.75, 0.5, 0.25] }).result();
  assert.deepEqual(given.evaluations, 4);
  const other = await model.image({ seed: 1, sampler: 'ddim', times: [1, 0.9, 0.5, 0.05] }).result();
  assert.notDeepEqual(other.image.data, given.image.data);
  assert.equal(even.total, 4);
  for (const times of [[], ['1'], 3]) await fails(model.image({ sampler: 'ddim', times: /** @type {any} */ (times) }).result(), 'option');
  for (const times of [[0.5, 1], [1, 0], [1, 0.123456]]) await fails(model.image({ sampler: 'ddim', times }).result(), 'option', 1); // which
  await fails(model.image({ sampler: 'ddim', steps: 3, times: [1, 0.5] }).result(), 'option');
});

test('frames come in order, one a step, and sharpen into the result', async (t) => {
  const model = await open(t, PLAIN);
  const job = model.image({ count: 5, columns: 3, steps: 6, seed: 9, view: 'both' });
  const frames = [];
  for await (const frame of job) frames.push(frame);
  assert.deepEqual(frames.map(({ step, evaluations, total, done, passes }) => [step, evaluations, total, done, passes]), [1, 2, 3, 4, 5, 6].map((i) => [i, i, 6, i === 6, 5 * i]));
  for (const [i, { image, pictures, states, seconds, seed, threads }] of frames.entries()) {
    assert.deepEqual([image.width, image.height, image.data.length], [21, 18, 4 * 21 * 18]);
    assert.deepEqual([pictures.length, states?.length, seed, threads], [5, 5, 9, 1]);
    assert.ok(seconds > 0 && (i === 0 || seconds >= /** @type {any} */ (frames[i - 1]).seconds));
    for (const one of [...pictures, .../** @type {ImageData[]} */ (states)]) {
      assert.deepEqual([one.width, one.height, one.data.length, one.data.constructor.name], [7, 9, 4 * 63, 'Uint8ClampedArray']);
      assert.ok(one.data.every((byte, at) => at % 4 < 3 || byte === 255), 'opaque');
    }
    // Picture 4 is the second of the second row; the place after it is empty.
    const at = (/** @type {number} */ x, /** @type {number} */ y) => [...image.data.subarray(4 * (21 * y + x), 4 * (21 * y + x) + 4)];
    for (const [x, y] of /** @type {const} */ ([[0, 0], [6, 8], [3, 4]]))
      assert.deepEqual(at(7 + x, 9 + y), [.../** @type {any} */ (pictures[4]).data.subarray(4 * (7 * y + x), 4 * (7 * y + x) + 4)]);
    assert.deepEqual(at(14, 9), [0, 0, 0, 0]);
  }
  const first = /** @type {any} */ (frames[0]);
  const last = /** @type {any} */ (frames.at(-1));
  assert.notDeepEqual(first.pictures[0].data, first.states[0].data);
  assert.deepEqual(last.pictures, last.states, 'a finished picture is the same in both views');
  assert.deepEqual(await job.result(), last);
  const noisy = [];
  for await (const { image, pictures, states } of model.image({ count: 5, columns: 3, steps: 6, seed: 9, view: 'x' })) noisy.push([image.width, pictures, states]);
  assert.deepEqual(noisy, frames.map(({ states }) => [21, states, undefined]));
});

test('a drawing that is only waited for keeps its last frame alone', async (t) => {
  const model = await open(t, PLAIN);
  const job = model.image({ steps: 8, seed: 2 });
  const result = await job.result();
  const frames = [];
  for await (const frame of job) frames.push(frame);
  assert.deepEqual(frames, [result]);
});

test('a picture is the same in whatever batch it is drawn', async (t) => {
  const model = await open(t, LABELS);
  const draw = (/** @type {any} */ options) => model.image({ steps: 4, seed: 8, ...options }).result();
  const all = await draw({ count: 4, label: ['alpha', null, 1, 'gamma'] });
  const labels = ['alpha', null, 1, 2];
  for (const [i, label] of labels.entries()) assert.deepEqual((await draw({ first: i, label })).pictures, [all.pictures[i]]);
  assert.deepEqual(all.pictures.length, 4);
  const [square, wide] = [await draw({ count: 7 }), await draw({ count: 2, columns: 5 })];
  assert.deepEqual([square.image.width, square.image.height, wide.image.width, wide.image.height], [42, 42, 28, 14]);
});

test('without a seed every drawing has its own, which repeats it', async (t) => {
  const model = await open(t, PLAIN);
  const [a, b] = [await model.image({ steps: 2 }).result(), await model.image({ steps: 2 }).result()];
  assert.notDeepEqual([a.seed, a.image], [b.seed, b.image]);
  assert.deepEqual((await model.image({ steps: 2, seed: a.seed }).result()).image, a.image);
});

test('guidance 1 is none, and a label changes the picture', async (t) => {
  const model = await open(t, LABELS);
  const draw = async (/** @type {any} */ options) => (await model.image({ steps: 4, seed: 8, ...options }).result());
  const [plain, label, one, more] = [await draw({}), await draw({ label: 1 }), await draw({ label: 1, guidance: 1 }), await draw({ label: 1, guidance: 3 })];
  assert.notDeepEqual(plain.image.data, label.image.data);
  assert.deepEqual(label.image.data, one.image.data);
  assert.notDeepEqual(label.image.data, more.image.data);
  assert.deepEqual([label.passes, more.passes], [4, 8]);
});

// ---- redrawing

test('what the mask keeps stays to the byte, and what it marks is that of the command', { skip: noImage, timeout }, async (t) => {
  for (const name of [LABELS, PLAIN]) {
    const model = await open(t, name);
    const { width, height, channels } = /** @type {any} */ (model.info.image);
    const roll = dice(4);
    const image = (await model.image({ steps: 4, seed: 1 }).result()).image;
    for (const mask of [Uint8Array.from({ length: width * height }, () => roll(2)), Array.from({ length: width * height }, (_, i) => i % width > 3)]) {
      const frame = await model.image({ steps: 4, seed: 5, inpaint: { image, mask }, resample: 2 }).result();
      const [after] = frame.pictures;
      assert.equal(frame.evaluations, 3 * 2 + 1);
      let changed = 0;
      for (let i = 0; i < width * height; i++) {
        const same = [0, 1, 2, 3].every((c) => after?.data[4 * i + c] === image.data[4 * i + c]);
        if (!mask[i]) assert.ok(same, `pixel ${i} is kept`);
        changed += Number(!same);
      }
      assert.ok(changed > width, 'and others are drawn again');
      const [known, marked] = ['known.png', 'mask.png'].map((file) => join(String(folder), file));
      await writeFile(/** @type {string} */ (known), png(width, height, channels, bytesOf({ pictures: [image] }, channels)));
      await writeFile(/** @type {string} */ (marked), png(width, height, 1, Uint8Array.from(mask, (entry) => (entry ? 255 : 0))));
      const told = await native(name, '--steps', 4, '--seed', 5, '--resample', 2, '--inpaint', /** @type {string} */ (known), '--mask', /** @type {string} */ (marked));
      assert.ok(bytesOf(frame, channels).equals(told));
    }
  }
});

test('own pictures become greys where the model has no colours, and stand on white', async (t) => {
  const model = await open(t, LABELS);
  const size = 14 * 14;
  const mask = new Uint8Array(size).fill(1, 0, 1);
  const data = new Uint8ClampedArray(4 * size);
  data.set([255, 0, 0, 255], 4); // red
  data.set([0, 255, 0, 255], 8); // green
  data.set([0, 0, 0, 255], 12); // black
  data.set([0, 0, 0, 51], 16); // black, four fifths transparent; what follows is transparent
  const { pictures } = await model.image({ steps: 2, inpaint: { image: { data, width: 14, height: 14 }, mask } }).result();
  const grey = /** @type {ImageData} */ (pictures[0]).data;
  assert.deepEqual([grey[4], grey[8], grey[12], grey[16], grey[20]], [76, 150, 0, 204, 255]);
});

test('a picture or a mask of another size is refused', async (t) => {
  const model = await open(t, LABELS);
  const image = (/** @type {number} */ width, /** @type {number} */ height) => ({ data: new Uint8ClampedArray(4 * width * height), width, height });
  const mask = new Uint8Array(196);
  const wide = await fails(model.image({ inpaint: { image: image(28, 28), mask } }).result(), 'option');
  assert.match(wide.message, /28 x 28 .* 14 x 14/);
  const short = await fails(model.image({ inpaint: { image: image(14, 14), mask: new Uint8Array(195) } }).result(), 'option');
  assert.match(short.message, /14 x 14, not 195/);
  const bad = [null, 7, 'picture', {}, { image: image(14, 14) }, { mask }, { image: { ...image(14, 14), width: 13 }, mask }, { image: { data: [1], width: 14, height: 14 }, mask }];
  for (const inpaint of bad) await fails(model.image({ inpaint: /** @type {any} */ (inpaint) }).result(), 'option');
  assert.match((await fails(model.image({ resample: 2, steps: 4 }).result(), 'option')).message, /resample/);
});

// ---- errors

test('a mistake is refused with what would work', async (t) => {
  const model = await open(t, LABELS);
  /** @type {[any, RegExp][]} */
  const wrong = [
    [{ sampler: 'best' }, /unknown sampler best.*sn-ddpm.*dpm-solver\+\+/],
    [{ sampler: 7 }, /unknown sampler 7/],
    [{ steps: 0 }, /steps/], [{ steps: 21 }, /more steps than/], [{ steps: 2.5 }, /steps must be a whole number/], [{ steps: -1 }, /steps/],
    [{ steps: 99, sampler: 'annealed-langevin' }, /100/],
    [{ steps: 5, sampler: 'probability-flow' }, /steps/],
    [{ count: 0 }, /count|pictures/], [{ count: 1e9 }, /65536|pictures/], [{ count: NaN }, /count/], [{ first: -1 }, /first/],
    [{ label: 'delta' }, /unknown label delta.*alpha, beta, gamma/], [{ label: 3 }, /unknown label 3/], [{ label: -1 }, /unknown label -1/], [{ label: 0.5 }, /unknown label/],
    [{ label: [0, 1], count: 3 }, /2 labels .* 3 pictures/],
    [{ guidance: 2 }, /label/], [{ label: 0, guidance: -1 }, /guidance/], [{ label: 0, guidance: 101 }, /guidance/], [{ guidance: '2' }, /guidance must be a number/],
    [{ eta: 0.5 }, /eta/], [{ eta: 2, sampler: 'ddim' }, /eta/], [{ tolerance: 1e-3 }, /tolerance/], [{ steps: undefined, tolerance: 9, sampler: 'probability-flow' }, /tolerance/],
    [{ variance: 'huge' }, /small, large/], [{ grid: 'given' }, /even, quadratic/], [{ process: 'xx' }, /vp, ve/], [{ solver: 'euler' }, /rk45, heun/],
    [{ clipX0: 1 }, /true or false/], [{ view: 'y' }, /x0, x, both/], [{ columns: 0 }, /columns/], [{ columns: 1.5 }, /columns/],
    [{ seed: -1 }, /seed/], [{ seed: 2n ** 64n }, /seed/], [{ seed: '1' }, /seed/],
    [{ temperature: 1 }, /unknown option temperature/], [{ label: () => {} }, /label must be .* not a function/],
  ];
  for (const [options, pattern] of wrong) assert.match((await fails(model.image({ steps: 4, ...options }).result(), 'option')).message, pattern);
  const plain = await open(t, PLAIN);
  assert.match((await fails(plain.image({ sampler: 'sn-ddpm', steps: 4 }).result(), 'option')).message, /second-moment head.*ddim/);
  assert.match((await fails(plain.image({ sampler: 'npr-ddim', steps: 4 }).result(), 'option')).message, /head.*ddim/);
  assert.match((await fails(plain.image({ sampler: 'analytic-ddpm', steps: 4 }).result(), 'option')).message, /Gamma.*ddim/);
  assert.match((await fails(plain.image({ label: 0, steps: 4 }).result(), 'option')).message, /no labels/);
  await fails(plain.image({ guidance: 2, steps: 4 }).result(), 'option');
  assert.ok((await model.image({ steps: 2 }).result()).done && (await plain.image({ steps: 2 }).result()).done, 'and both go on working');
});

test('text is refused by a picture model, pictures by a text model', async (t) => {
  const pictures = await open(t, LABELS);
  const calls = [
    pictures.infill('the [[2]]').result(), pictures.generate('the').result(), pictures.tokenize('the'), pictures.detokenize([1]), pictures.score('the'),
    pictures.surprise('the'), pictures.sequence.tokens(),
  ];
  for (const error of await Promise.all(calls.map((call) => fails(call, 'unsupported')))) assert.match(error.message, /draws pictures/);
  assert.ok((await pictures.image({ steps: 1 }).result()).done);
  for (const name of ['tiny-infill', 'tiny-ar', 'tales-vocab']) {
    const text = await open(t, name);
    assert.equal(text.info.image, null);
    await fails(text.image().result(), 'unsupported');
    await fails(text.imageLikelihood({ data: new Uint8Array(4), width: 1, height: 1 }), 'unsupported');
  }
  assert.ok((await (await open(t)).infill('the [[2]]').result()).done);
});

// ---- several at once, and stopping

test('drawings at once equal their solo runs and take turns', { timeout }, async (t) => {
  const model = await open(t, LABELS);
  const samplers = /** @type {const} */ (['ddpm', 'ddim', 'sn-ddpm', 'dpm-solver++']);
  const options = { count: 2, steps: 10, seed: 6 };
  const solo = [];
  for (const sampler of samplers) solo.push((await model.image({ ...options, sampler }).result()).image);
  const order = /** @type {string[]} */ ([]);
  const together = await Promise.all(samplers.map(async (sampler) => {
    const job = model.image({ ...options, sampler });
    for await (const frame of job) order.push(`${sampler} ${frame.step}`);
    return (await job.result()).image;
  }));
  assert.deepEqual(together, solo);
  const changes = order.filter((one, i) => i && one.split(' ')[0] !== order[i - 1]?.split(' ')[0]).length;
  assert.ok(changes > 12, `they take turns: ${order.join(', ')}`);
});

test('leaving the loop, a signal and dispose() stop a drawing between two steps', { timeout }, async (t) => {
  const model = await open(t, PLAIN);
  const expected = (await model.image({ steps: 3, seed: 4 }).result()).image;
  const left = model.image(LONG);
  let seen = 0;
  for await (const _ of left) if (++seen === 3) break;
  await assert.rejects(left.result(), { name: 'AbortError' });

  const stop = new AbortController();
  let steps = 0;
  await assert.rejects(async () => {
    for await (const _ of model.image({ ...LONG, signal: stop.signal })) if (++steps === 4) stop.abort();
  }, { name: 'AbortError' });
  assert.ok(steps < 1000, `${steps} steps before it stopped`);

  const reason = new Error('enough');
  await assert.rejects(model.image({ signal: AbortSignal.abort(reason) }).result(), (error) => error === reason);
  await assert.rejects(model.image({ ...LONG, signal: AbortSignal.timeout(100) }).result(), { name: 'TimeoutError' });
  const other = new AbortController();
  const [gone, kept] = await Promise.allSettled([
    model.image({ ...LONG, signal: other.signal }).result(),
    model.image({ steps: 3, seed: 4 }).result().finally(() => other.abort()),
  ]);
  assert.equal(gone.status, 'rejected');
  assert.deepEqual(kept.status === 'fulfilled' && kept.value.image, expected, 'the model stays usable');
  const running = model.image(LONG).result();
  await model.image({ steps: 1 }).result();
  model.dispose();
  await fails(running, 'disposed');
  await fails(model.image().result(), 'disposed');
});

// ---- likelihood

test('a likelihood is that of the command, by both methods', { skip: noImage, timeout }, async (t) => {
  for (const name of [LABELS, PLAIN]) {
    const model = await open(t, name);
    const { width, height, channels } = /** @type {any} */ (model.info.image);
    const { pictures } = await model.image({ count: 2, steps: 4, seed: 1 }).result();
    const file = join(String(folder), 'measured.raw');
    await writeFile(file, bytesOf({ pictures }, channels));
    /** @type {[import('../../web/src/types.ts').ImageLikelihoodOptions, (string | number)[]][]} */
    const same = [
      [{ tolerance: 0.01 }, ['--method', 'flow', '--tolerance', 0.01]],
      [{ tolerance: 0.01, probes: 2, difference: 0.05 }, ['--method', 'flow', '--tolerance', 0.01, '--probes', 2, '--difference', 0.05]],
      [{ method: 'bound', steps: 5 }, ['--method', 'bound', '--steps', 5]],
      [{ method: 'bound', steps: 5, sampler: 'ddim', eta: 1 }, ['--method', 'bound', '--steps', 5, '--sampler', 'ddim', '--eta', 1]],
    ];
    for (const [options, words] of same) {
      const seen = /** @type {any[]} */ ([]);
      const score = await model.imageLikelihood(pictures, { seed: 3, ...options, onProgress: (progress) => seen.push(progress) });
      const told = JSON.parse(run('image', '-m', modelPath(name), '--likelihood-raw', file, '--seed', 3, ...words, '--json'));
      const close = (/** @type {number} */ a, /** @type {number} */ b) => Math.abs(a - b) <= 1e-6 * Math.abs(b) + 1e-9;
      assert.equal(score.each.length, 2);
      for (const [i, bits] of score.each.entries()) assert.ok(close(bits, told.bits_per_dimension[i]), `${name}, ${words.join(' ')}: ${bits} and ${told.bits_per_dimension[i]}`);
      assert.ok(close(score.bitsPerDimension, (Number(score.each[0]) + Number(score.each[1])) / 2) && score.seconds > 0);
      assert.deepEqual([score.method, score.seed, seen.at(-1).evaluations], [options.method ?? 'flow', 3, score.evaluations]);
      assert.deepEqual(seen.map(({ evaluations }) => evaluations), seen.map((_, i) => i + 1));
    }
    const [one] = pictures;
    const alone = await model.imageLikelihood(/** @type {ImageData} */ (one), { seed: 3, method: 'bound', steps: 5 });
    const both = await model.imageLikelihood(pictures, { seed: 3, method: 'bound', steps: 5 });
    assert.equal(alone.each[0], both.each[0], 'a picture does not depend on the others');
    assert.deepEqual([width * height * channels > 0, alone.seed], [true, 3]);
  }
});

test('a likelihood refuses what it cannot measure, and can be stopped', { timeout }, async (t) => {
  const model = await open(t, LABELS);
  const picture = (await model.image({ steps: 2 }).result()).image;
  const small = { data: new Uint8Array(16), width: 2, height: 2 };
  for (const given of [[], small, [picture, small], null, {}, 7]) await fails(model.imageLikelihood(/** @type {any} */ (given)), 'option');
  /** @type {any[]} */
  const wrong = [
    { method: 'best' }, { method: 'bound', sampler: 'dpm-solver++' }, { method: 'bound', sampler: 'ddim', eta: 0 }, { tolerance: 1 }, { probes: -1 },
    { difference: 0 }, { guidance: 2 }, { label: 'x' }, { seed: -1 }, { method: 'bound', sampler: 'none' }, { view: 'x' },
  ];
  for (const options of wrong) await fails(model.imageLikelihood(picture, options), 'option');
  const stop = new AbortController();
  await assert.rejects(model.imageLikelihood(picture, { probes: 0, signal: stop.signal, onProgress: () => stop.abort() }), { name: 'AbortError' });
  assert.ok((await model.image({ steps: 2 }).result()).done);
});

// ---- files

/** The file with more metadata before its architecture: a list of strings. */
function behind(/** @type {Buffer} */ file, /** @type {number} */ bytes) {
  const key = 'aa.padding';
  const head = Buffer.alloc(8 + key.length + 4 + 4 + 8);
  let at = head.writeBigUInt64LE(BigInt(key.length), 0);
  at += head.write(key, at);
  at = head.writeUInt32LE(9, at); // an array
  at = head.writeUInt32LE(8, at); // of strings
  head.writeBigUInt64LE(2n, at);
  const string = (/** @type {number} */ length) => {
    const one = Buffer.alloc(8 + length, 0x78);
    one.writeBigUInt64LE(BigInt(length), 0);
    return one;
  };
  const rest = 32 * Math.ceil(bytes / 32) - head.length - 8; // tensors stay aligned
  const more = Buffer.concat([head, string(0), string(rest - 8)]);
  const counted = Buffer.from(file.subarray(0, 24));
  counted.writeBigUInt64LE(counted.readBigUInt64LE(16) + 1n, 16);
  return Buffer.concat([counted, more, file.subarray(24)]);
}

test('what a file holds is found out wherever that stands, in pieces of any size', { timeout }, async (t) => {
  const file = await readFile(modelPath(PLAIN));
  const text = await readFile(modelPath('tiny-infill'));
  /** @type {Record<string, Buffer>} */
  const files = { '/unet': file, '/late': behind(file, 100_000), '/text': behind(text, 20_000) };
  const server = createServer(async (request, response) => {
    const data = /** @type {Buffer} */ (files[String(request.url)]);
    for (const [i, size] of [1, 3, 20, 7, 30, 1, 1000, 9].entries()) {
      const from = [1, 3, 20, 7, 30, 1, 1000, 9].slice(0, i).reduce((sum, n) => sum + n, 0);
      response.write(data.subarray(from, from + size));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    response.end(data.subarray(1071));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(null)));
  t.after(() => server.close());
  const base = `http://127.0.0.1:${/** @type {any} */ (server.address()).port}`;
  const expected = (await (await open(t, PLAIN)).image({ steps: 2, seed: 1 }).result()).image;
  for (const source of [`${base}/unet`, `${base}/late`, files['/late'], new Blob([/** @type {any} */ (files['/late'])]), new File([file], 'own.gguf')]) {
    const model = await load(/** @type {any} */ (source));
    assert.deepEqual((await model.image({ steps: 2, seed: 1 }).result()).image, expected);
    model.dispose();
  }
  const other = await load(`${base}/text`);
  assert.ok((await other.infill('the [[2]]', { seed: 1 }).result()).done);
  other.dispose();
});

test('a damaged picture file is refused, cut anywhere', { timeout }, async () => {
  const file = await readFile(modelPath(PLAIN));
  for (const length of [0, 3, 4, 23, 24, 40, 60, 70, 1000, file.length - 1000]) {
    const error = await load(file.subarray(0, length)).then(() => assert.fail(`${length} bytes`), (caught) => caught);
    assert.equal(error.code, 'format', `${length} bytes: ${error.message}`);
  }
  const endless = Buffer.from(behind(file, 1000));
  endless.writeBigUInt64LE(2n ** 62n, 24 + 8 + 10 + 8); // a list with no end
  assert.equal((await fails(load(endless), 'format', 50)).code, 'format');
});

test("without the worker's part of pictures a picture model does not load, and text models do", async (t) => {
  const half = await mkdtemp(join(tmpdir(), 'palimpsest-'));
  t.after(() => rm(half, { recursive: true }));
  for (const name of ['palimpsest-worker.js', 'palimpsest-loading.js', 'palimpsest.wasm', 'palimpsest-pictures.wasm']) await copyFile(join(built, name), join(half, name));
  const base = `${pathToFileURL(half).href}/`;
  assert.match((await fails(load(pathToFileURL(modelPath(PLAIN)), { base }), 'network')).message, /palimpsest-pictures\.js/);
  const text = await open(t, 'tiny-infill', { base });
  assert.ok((await text.infill('the [[2]]').result()).done);
  const part = await readFile(join(built, 'palimpsest-pictures.js'), 'utf8');
  const build = /** @type {RegExpExecArray} */ (/["'`]([0-9a-f]{12})["'`]/.exec(part))[1];
  await writeFile(join(half, 'palimpsest-pictures.js'), part.replace(String(build), '0'.repeat(12)));
  await fails(load(pathToFileURL(modelPath(PLAIN)), { base }), 'version');
});
