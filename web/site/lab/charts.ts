/** The charts of the view Lab, in the order of its list. */
import type { Chart } from './chart.ts';
import { alarm } from './charts/alarm.ts';
import { calibration } from './charts/calibration.ts';
import { chain } from './charts/chain.ts';
import { density } from './charts/density.ts';
import { exactness } from './charts/exactness.ts';
import { field } from './charts/field.ts';
import { histogram } from './charts/histogram.ts';
import { likelihood } from './charts/likelihood.ts';
import { quality } from './charts/quality.ts';
import { race } from './charts/race.ts';
import { steps } from './charts/steps.ts';

export const charts: readonly [Chart, ...Chart[]] = [exactness, race, chain, density, field, steps, histogram, alarm, likelihood, quality, calibration];
