/** The charts of the view Lab, in the order of its list. */
import type { Chart } from './chart.ts';
import { exactness } from './charts/exactness.ts';

export const charts: readonly [Chart, ...Chart[]] = [exactness];
