// @ts-check
/* What run.mjs calls in the page: measure(job) runs one engine with one model in a worker and returns samples. */
import { wllama } from './wllama.mjs';

/** @typedef {object} Measure
 *  @property {string} name    unique within the job
 *  @property {'decode' | 'prefill' | 'forward' | 'stream' | 'logits' | 'greedy'} kind
 *  @property {number} [prompt]  tokens before the measured ones
 *  @property {number} [count]   tokens decoded, or of the sequence; for `stream` bytes
 *  @property {number} [rows]    positions whose logits are wanted
 *
 *  @typedef {object} Job
 *  @property {'ours' | 'wllama' | 'ort' | 'stream'} engine
 *  @property {string} wasm   URL
 *  @property {string} model  URL
 *  @property {number} [threads]  1 if absent
 *  @property {number} vocab
 *  @property {number} context  tokens that sequences need at most
 *  @property {Measure[]} measures
 *
 *  @typedef {object} Sampled  one of: milliseconds of each run, or what a check asked for
 *  @property {number[]} [samples]
 *  @property {number[]} [warm]    milliseconds of the runs before, per unit of work as in the samples
 *  @property {number[]} [values]
 *
 *  @typedef {{ measures: Record<string, Sampled>, notes: Record<string, unknown> }} Outcome */

/** @type {Record<string, string>} */
const WORKERS = { ours: 'ours.mjs', ort: 'ort.mjs', stream: 'stream.mjs' };

/** @returns {Promise<Outcome>} */
function inWorker(/** @type {string} */ file, /** @type {Job} */ job) {
  const worker = new Worker(file, { type: 'module' });
  return new Promise((/** @type {(outcome: Outcome) => void} */ resolve, reject) => {
    worker.onmessage = ({ data }) => ('failed' in data ? reject(new Error(data.failed)) : resolve(data));
    worker.onerror = (event) => reject(new Error(`${file}: ${event.message ?? 'the worker did not start'}`));
    worker.postMessage(job);
  });
}

/** Several workers read parts of the bytes at once.  A sample is the time in which together they read all of them.
 *  @returns {Promise<Outcome>} */
async function streams(/** @type {Job} */ job, /** @type {number} */ threads) {
  const part = { ...job, measures: job.measures.map((one) => ({ ...one, count: (one.count ?? 0) / threads })) };
  const outcomes = await Promise.all(Array.from({ length: threads }, () => inWorker(WORKERS.stream, part)));
  const measures = Object.fromEntries(job.measures.map(({ name }) => {
    const all = outcomes.map((one) => one.measures[name].samples ?? []);
    const together = Array.from({ length: Math.min(...all.map((one) => one.length)) }, (_, i) => threads / all.reduce((rate, one) => rate + 1 / one[i], 0));
    return [name, { samples: together }];
  }));
  return { measures, notes: { threads } };
}

function measure(/** @type {Job} */ job) {
  const { engine, threads = 1 } = job;
  if (engine === 'wllama') return wllama(job);
  return engine === 'stream' && threads > 1 ? streams(job, threads) : inWorker(WORKERS[engine], job);
}

Object.assign(globalThis, { measure });
