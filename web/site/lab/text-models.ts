/** The models of the page for the charts about texts: one that a view has, or one that is fetched for the chart and freed
 *  when it is done. */
import type { Model } from 'palimpsest';
import { fetchModel } from '../engine.ts';
import { megabytes } from '../format.ts';
import { offerOf } from '../views/models.ts';
import type { Run } from './chart.ts';

const TEXTS = __MODELS__.filter(({ use }) => use === 'writing' || use === 'blanks' || use === 'scores');
/** Names of the site's models of texts, that of the stories first. */
export const TEXT_MODELS: readonly string[] = TEXTS.map(({ name }) => name);
export const numberOf = (name: string): number => Math.max(0, TEXT_MODELS.indexOf(name));

/** Calls `use` with the model, and returns what it returns. */
export async function withModel<T>({ page, signal, advanced }: Run, name: string, use: (model: Model) => Promise<T>): Promise<T> {
  const twin = [page.engines.text, page.engines.continue].find((engine) => engine.model && engine.name === name);
  if (twin?.model) return use(twin.model);
  const shipped = TEXTS.find((one) => one.name === name);
  if (!shipped) throw new Error(`This site has no model ${name}.`);
  const model = await fetchModel(offerOf(shipped), signal, ({ loaded }) => advanced(0, `Fetching ${name}: ${megabytes(loaded)} of ${megabytes(shipped.bytes)}`));
  try {
    return await use(model);
  } finally {
    model.dispose();
  }
}

/** The name of the model in the view Text, if it is one of the user's own; null otherwise. */
export function ownModel({ page }: Run): { name: string; model: Model } | null {
  const { model, name } = page.engines.text;
  return model && !TEXT_MODELS.includes(name) ? { name, model } : null;
}
