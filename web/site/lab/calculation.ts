/** Runs calculations of the Lab's engine in a worker of its own. */
import { PalimpsestError } from 'palimpsest';
import { named } from '../named-script.ts';
import type { Field } from './chart.ts';
import worker from './worker.ts?worker&url';

/** From the page to the worker; `engine`: the address of palimpsest-lab.wasm. */
export interface Task {
  engine: string;
  name: string;
  options: number[];
}
/** From the worker to the page.  `option`: the number of the setting that the engine refused. */
export type Answer = { done: number; figures: Float64Array[] } | { error: string; option?: number; lost?: true };

export interface Calculation {
  signal: AbortSignal;
  /** Called with what there is so far, at most once per 100 ms, and with the final figures. */
  so_far: (figures: Float64Array[], done: number) => void;
}

/** The fields of a calculation of src/lab: ranges and defaults are those of the engine. */
export function fieldsOf(name: string, words: Record<string, { label: string; hint?: string; choices?: readonly string[] }>): Field[] {
  return optionsOf(name).map((row) => {
    const said = words[row.key];
    if (!said) throw new Error(`no words for the option ${row.key} of ${name}`);
    return { ...row, ...said };
  });
}

function optionsOf(name: string) {
  const rows = __LAB__[name];
  if (!rows) throw new Error(`the Lab has no calculation ${name}`);
  return rows;
}

/** Runs the calculation with these options, by key; the rest have their defaults.  Aborting ends it at once. */
export function calculate(name: string, values: Readonly<Record<string, number>>, { signal, so_far }: Calculation): Promise<Float64Array[]> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(named(worker), { type: 'module' });
    const end = (): void => {
      thread.terminate();
      signal.removeEventListener('abort', stop);
    };
    const stop = (): void => {
      end();
      reject(signal.reason);
    };
    thread.onmessage = ({ data }: MessageEvent<Answer>) => {
      if ('error' in data) {
        end();
        return reject(new PalimpsestError(data.lost ? 'network' : 'option', data.option === undefined ? data.error : `${optionsOf(name)[data.option]?.key}: ${data.error}`));
      }
      so_far(data.figures, data.done);
      if (data.done < 1) return;
      end();
      resolve(data.figures);
    };
    thread.onerror = (event) => {
      event.preventDefault();
      end();
      reject(new PalimpsestError('network', 'The Lab’s own program could not be fetched or started'));
    };
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop);
    const engine = new URL(`palimpsest-lab.wasm?v=${__BUILD__}`, location.href).href;
    thread.postMessage({ engine, name, options: optionsOf(name).map(({ key }) => values[key] ?? NaN) } satisfies Task);
  });
}
