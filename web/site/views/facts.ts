/** The line under a result: what everybody understands, and the rest behind "Details". */
import { make } from '../dom.ts';

const spans = (facts: readonly string[]): Node[] => facts.filter(Boolean).map((fact) => make('span', { class: 'fact' }, fact));

/** Empty facts are left out.  `useSeed`: writes the seed of the result into the options. */
export function factsLine(plain: readonly string[], exact: readonly string[], useSeed?: () => void): Node[] {
  const again = useSeed ? [make('button', { type: 'button', class: 'quiet', click: useSeed }, 'Use this seed again')] : [];
  return [...spans(plain), make('details', { class: 'exact' }, make('summary', {}, 'Details'), ...spans(exact), ...again)];
}
