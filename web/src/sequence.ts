/** The calls of Model.sequence.  Loaded at the first of them; what it needs of the library is given to it. */
import type { check, refuse, take, told } from './check.ts';
import type { Connection } from './connection.ts';
import type { Calls } from './protocol.ts';
import type { Sequence } from './types.ts';

interface Kit {
  check: typeof check;
  refuse: typeof refuse;
  take: typeof take;
  told: typeof told;
}

export function sequenceOf(connect: () => Promise<Connection>, { check, refuse, take, told }: Kit): Sequence {
  const toIds = (ids: ArrayLike<number>) => (check('the tokens to append', ids, 'ids'), Array.from(ids));
  const none = { ids: [], length: 0, data: new Uint8Array() };
  type What = Extract<Calls, { call: 'sequence' }>;
  const ask = async <T extends number | number[] | Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>>(call: Pick<What, 'what'> & Partial<What>, signal?: AbortSignal): Promise<T> =>
    (await connect()).call<T>({ call: 'sequence', ...none, ...call }, {}, signal);
  return {
    append: async (ids, options) => ask({ what: 'append', ids: toIds(ids) }, take('append', options, { signal: 'signal' }).signal),
    logits: () => ask<Float32Array<ArrayBuffer>>({ what: 'logits' }),
    tokens: () => ask({ what: 'tokens' }),
    rewind: async (length) => (check('the length', length, 'whole'), ask({ what: 'rewind', length })),
    save: () => ask<Uint8Array<ArrayBuffer>>({ what: 'save' }),
    restore: async (data) => (data instanceof Uint8Array ? ask({ what: 'restore', data }) : refuse(`the saved session must be a Uint8Array, not ${told(data)}`)),
  };
}
