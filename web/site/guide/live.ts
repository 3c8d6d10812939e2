/** The live examples in the documents (build/site/guide.js).  Engine and model are fetched when a button is pressed. */
import type { Model } from 'palimpsest';
import { start } from './examples.ts';

const site = new URL(/* @vite-ignore */ '.', import.meta.url);
const STORIES = __MODELS__.find(({ use }) => use === 'writing');
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

/** One model for all examples of a page; loaded again after an error. */
let loading: Promise<Model> | null = null;

async function load(say: (words: string) => void): Promise<Model> {
  if (!STORIES) throw new Error('this site has no model for the examples');
  const { load: open } = (await import(/* @vite-ignore */ new URL('palimpsest.js', site).href)) as typeof import('palimpsest');
  const onProgress = ({ loaded, total }: { loaded: number; total: number | null }): void => say(`Fetching the model: ${megabytes(loaded)} of ${megabytes(total ?? STORIES.bytes)} MB`);
  return open(new URL(STORIES.file, site).href, { sha256: STORIES.sha256, onProgress });
}

const host = {
  cost: STORIES ? `Pressing the button fetches the model once (${megabytes(STORIES.bytes)} MB). It runs here; your text is sent nowhere.` : '',
  model(_: AbortSignal, say: (words: string) => void): Promise<Model> {
    loading ??= load(say).catch((error: unknown) => {
      loading = null;
      throw error;
    });
    return loading;
  },
};

for (const place of document.querySelectorAll<HTMLElement>('.live')) start(place, host);

/** On the site the document is a guide too, screen by screen. */
const guide = document.createElement('a');
guide.href = new URL('index.html#guide', site).href;
guide.textContent = 'Read it as a guide, screen by screen';
const paragraph = document.createElement('p');
paragraph.append(guide);
document.querySelector('article > p')?.after(paragraph);
