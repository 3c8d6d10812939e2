// @ts-check
/* A browser worker that runs the programs that run.mjs sends, and returns their results. */
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
