#!/usr/bin/env node
// @ts-check
/* Compares greedy continuations of ten prompts by wllama and by the command.
 *
 *   node tools/bench/agree.mjs [MODEL] [COMMAND]
 *
 * MODEL: a causal GGUF, best in F16 (build/models/tales-ar.f16.gguf, by tools/train/export.py); COMMAND: the palimpsest
 * to run (build/release/palimpsest).  If two texts differ, prints the gap between the two most probable tokens at that
 * position: wllama stores keys and values in 16 bits, so a near tie may have another result. */
import { execFileSync } from 'node:child_process';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inFreshPage, launch } from './browser.mjs';
import { serve } from './server.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const [model = join(root, 'build/models/tales-ar.f16.gguf'), command = join(root, 'build/release/palimpsest')] = process.argv.slice(2).map((path) => resolve(path));
const TOKENS = 40;
const PROMPTS = [
  'Once upon a time', 'The little dog', 'One day, a girl named Lily', 'The king said to his', 'In the forest there was',
  'Tom was sad because', '"I am hungry," said', 'The sun was warm and', 'She opened the door and', 'At last the old woman',
];

function own(/** @type {string} */ prompt) {
  const out = execFileSync(command, ['generate', '-m', model, '--prompt', prompt, '--temperature', '0', '--max-tokens', String(TOKENS), '--json'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return JSON.parse(out.split('\n')[0]);
}

const server = await serve({ '/bench/': `${join(here, 'page')}/`, '/npm/': `${join(here, 'node_modules')}/`, '/models/': `${dirname(model)}/` });
const browser = await launch();
let good = 0;
try {
  /** @type {string[]} */
  const theirs = await inFreshPage(browser, `${server.origin}/bench/index.html`, (page) =>
    page.evaluate(async ({ file, prompts, count }) => {
      // @ts-ignore served above
      const { open } = await import('/bench/wllama.mjs');
      const { engine, options } = await open('/npm/@wllama/wllama/esm/wasm/wllama.wasm', 512);
      await engine.loadModel([await (await fetch(`/models/${file}`)).blob()], options);
      const texts = [];
      for (const prompt of prompts) {
        const answer = await engine.createCompletion({ prompt, max_tokens: count, temperature: 0, top_k: 1, samplers: ['top_k'], cache_prompt: false });
        texts.push(answer.choices[0].text);
      }
      return texts;
    }, { file: basename(model), prompts: PROMPTS, count: TOKENS }));
  PROMPTS.forEach((prompt, i) => {
    const { text, tokens } = own(prompt);
    const written = text.slice(prompt.length);
    const same = written.trimEnd() === theirs[i].trimEnd();
    good += Number(same);
    console.log(`${same ? 'same ' : 'other'} ${JSON.stringify(prompt)} ${JSON.stringify(written)}`);
    if (same) return;
    const at = [...written].findIndex((letter, place) => letter !== theirs[i][place]);
    console.log(`      wllama: ${JSON.stringify(theirs[i])}\n      they part at character ${at}`);
    let length = 0;
    for (const token of tokens ?? []) {
      const [first, second] = token.alternatives ?? [];
      length += (token.text ?? token.piece ?? '').length;
      if (length <= at || !second) continue;
      console.log(`      there the two likeliest are ${(first.logprob - second.logprob).toFixed(4)} nats apart`);
      break;
    }
  });
  console.log(`${good} of ${PROMPTS.length} continuations of ${TOKENS} tokens are the same`);
} finally {
  await browser.close();
  server.close();
}
process.exitCode = good === PROMPTS.length ? 0 : 1;
