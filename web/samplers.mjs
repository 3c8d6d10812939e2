/** The samplers of pages as the engine has them: the rows of src/text/samplers/samplers.c and score_samplers.c in the order
 *  of C's enum.  options.mjs writes them into src/options.ts, so that a new sampler is nothing new here. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = join(dirname(fileURLToPath(import.meta.url)), '../src');
const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());

/** [{name, exact, reopens, scores, takes}]: what stands in pal_sampler_properties, its options as a list of names. */
export function samplers() {
  const header = readFileSync(join(source, 'palimpsest.h'), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  const table = ['samplers', 'score_samplers'].map((name) => readFileSync(join(source, `text/samplers/${name}.c`), 'utf8')).join('');
  const text = header.match(/typedef enum \{([^}]*)\} pal_sampler;/)?.[1] ?? '';
  const [, first] = text.match(/PAL_MASKED_SAMPLERS = (\w+)/) ?? []; // the first row of score_samplers.c
  const all = text.match(/PAL_\w+/g) ?? [], members = all.slice(0, all.indexOf('PAL_SAMPLERS'));
  const known = header.match(/typedef struct \{([^}]*)\} pal_sampler_properties;/)?.[1]?.match(/\w+(?=;)/g) ?? [];
  const rows = members.map((member) => {
    const at = member === first ? '0' : `${member}(?: - ${first})?`;
    const [, name, is] = table.match(new RegExp(`\\[${at}\\] = \\{\\.name = "([^"]+)",\\s*\\.is = \\{([^}]*)\\}`)) ?? [];
    if (!name) throw new Error(`${member}: its row is written otherwise than web/samplers.mjs reads it`);
    const has = [...is.matchAll(/\.(\w+) = true/g)].map(([, property]) => property);
    const takes = known.filter((property) => has.includes(property) && !['exact', 'reopens', 'scores'].includes(property));
    return { name, exact: has.includes('exact'), reopens: has.includes('reopens'), scores: has.includes('scores'), takes: takes.map(camel) };
  });
  if (!first || !rows.some((row) => row.scores)) throw new Error('the enum pal_sampler is written otherwise than web/samplers.mjs reads it');
  return rows;
}

const rowOf = ({ name, exact, reopens, scores, takes }) =>
  `  '${name}': { exact: ${exact}, reopens: ${reopens}, scores: ${scores}, takes: [${takes.map((option) => `'${option}'`).join(', ')}] },`;

export const samplersText = () => `
/** Names of the samplers that fill blanks. */
export type Sampler = ${samplers().map(({ name }) => `'${name}'`).join(' | ')};

/** What each promises, in the engine's order.
 *  @internal */
export const SAMPLERS: Readonly<Record<Sampler, SamplerProperties>> = {
${samplers().map(rowOf).join('\n')}
};

/** What a sampler promises, and which options it takes. */
export interface SamplerProperties {
  /** Where the network's conditional probabilities are the true ones, so are those of the fills. */
  readonly exact: boolean;
  /** Places that were revealed may be masked again: none is final before the last step. */
  readonly reopens: boolean;
  /** Is for networks that compute scores (sedd); all others are for networks that predict masked tokens. */
  readonly scores: boolean;
  /** Of the options that not every sampler takes those that it takes. */
  readonly takes: readonly (keyof InfillSettings)[];
}
`;
