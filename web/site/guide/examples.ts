/** The live examples of docs/how-it-works.md by their names: <div class="live" data-example="NAME">. */
import { answersExample } from './answers.ts';
import { chainExample } from './chain.ts';
import { drawsExample } from './draws.ts';
import { exactExample } from './exact.ts';
import { fillExample } from './fill.ts';
import type { Example, Host } from './frame.ts';
import { ordersExample } from './orders.ts';
import { pairsExample } from './pairs.ts';
import { surpriseExample } from './surprise.ts';

const EXAMPLES: Record<string, (place: HTMLElement, host: Host) => Example> = {
  fill: fillExample,
  answers: answersExample,
  draws: drawsExample,
  pairs: pairsExample,
  chain: chainExample,
  orders: ordersExample,
  surprise: surpriseExample,
  exact: exactExample,
};

/** Puts the example into its place.  Document and code are of one build, so a name without an example is a bug. */
export function start(place: HTMLElement, host: Host): Example {
  const make = EXAMPLES[place.dataset.example ?? ''];
  if (!make) throw new Error(`there is no example ${place.dataset.example}`);
  return make(place, host);
}
