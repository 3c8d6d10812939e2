// @ts-check
/* A browser's worker that runs what run.mjs sends it, and answers with what came of it. */
import { runProgram, selfCheck } from './host.mjs';

onmessage = async ({ data: { url, task, options } }) => {
  try {
    const module = await WebAssembly.compileStreaming(fetch(url));
    const print = (/** @type {string} */ line) => postMessage({ line });
    postMessage({ result: task === 'check' ? await selfCheck(module) : await runProgram(module, { ...options, print }) });
  } catch (error) {
    postMessage({ error: String(error) });
  }
};
