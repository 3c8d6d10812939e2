/* Live blanks: <div class="live" data-page="text with [[1]] blanks">.  Engine and model are fetched when "Fill" is pressed. */
const site = new URL('../../', import.meta.url);
const MODEL = { file: 'models/tales-infill.gguf', sha256: '__SHA256__', bytes: Number('__BYTES__') };
const ORDERS = [
  ['margin', 'the place that is most certain'],
  ['ascending', 'from the left of each blank'],
  ['first-hitting', 'a random place'],
];
const still = matchMedia('(prefers-reduced-motion: reduce)');
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** One model for all live blanks of a page; loaded again after an error. */
let loading = null;
function model(say) {
  loading ??= (async () => {
    const { load } = await import(new URL('palimpsest.js', site).href);
    const onProgress = ({ loaded, total }) => say(`Fetching the model: ${(loaded / 1e6).toFixed(1)} of ${((total ?? MODEL.bytes) / 1e6).toFixed(1)} MB`);
    return load(new URL(MODEL.file, site).href, { sha256: MODEL.sha256, onProgress });
  })().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

const percent = (probability) => `${(probability * 100).toFixed(probability < 0.095 ? 1 : 0)} %`;

let numbers = 0;
function start(place) {
  const id = `live-${++numbers}`;
  const text = element('textarea', { id: `${id}-text`, rows: '4', spellcheck: 'false' });
  text.value = place.dataset.page;
  const order = element('select', { id: `${id}-order` }, ...ORDERS.map(([value, name]) => element('option', { value }, name)));
  const button = element('button', { type: 'button' }, 'Fill');
  const status = element('p', { class: 'status', role: 'status' }, `Pressing Fill fetches the model once (${(MODEL.bytes / 1e6).toFixed(1)} MB). It runs here; your text is sent nowhere.`);
  const page = element('p', { class: 'filled', 'aria-live': 'off' });
  const detail = element('p', { class: 'detail', role: 'status' });
  page.hidden = true;
  place.replaceChildren(
    element('label', { for: text.id }, 'A page with blanks'), text,
    element('p', { class: 'controls' }, element('label', { for: order.id }, 'Next: '), order, button),
    status, page, detail,
  );

  /** Shows what the network thought of a place. */
  const tell = (token) => {
    const others = token.alternatives.filter((one) => one.id !== token.id).slice(0, 3);
    const name = (one) => `“${one.text.trim() || (one.empty ? 'the end' : one.text)}” ${percent(one.probability)}`;
    detail.textContent = `Step ${token.step}: “${token.text.trim()}” had ${percent(token.probability)}.${others.length ? ` Others: ${others.map(name).join(', ')}.` : ''}`;
  };
  const show = ({ parts, tokens }) => {
    page.replaceChildren(...parts.map((part) => {
      const token = tokens[part.token];
      if (!token) return part.text;
      if (token.open) return element('span', { class: 'open', role: 'img', 'aria-label': 'blank' }, '\u2002\u2002\u2002');
      if (!part.text) return '';
      const space = part.text.match(/^\s*/)[0];
      const word = element('button', { type: 'button', class: token.fresh ? 'word fresh' : 'word' }, part.text.trim(), element('sup', {}, element('span', { class: 'unseen' }, ', step '), String(token.step)));
      word.addEventListener('click', () => tell(token));
      return space ? [space, word] : word;
    }).flat());
    page.hidden = false;
  };

  let stop = null;
  button.addEventListener('click', async () => {
    if (stop) return stop.abort();
    const { signal } = (stop = new AbortController());
    button.textContent = 'Stop';
    detail.textContent = '';
    try {
      const ready = await model((words) => (status.textContent = words));
      signal.throwIfAborted();
      status.textContent = 'Filling …';
      const run = ready.infill(text.value, { sampler: order.value, signal });
      for await (const state of run) {
        show(state);
        if (!still.matches && !state.done) await pause(500);
      }
      const { seed, evaluations, seconds } = await run.result();
      status.textContent = `${evaluations} evaluations of the network, ${Math.max(1, Math.round(seconds * 1000))} ms of computing, seed ${seed}. The numbers are the steps, slowed down so that the order can be seen. Choose a word to see what else was possible.`;
    } catch (error) {
      status.textContent = signal.aborted ? 'Stopped.' : `${error.message[0].toUpperCase()}${error.message.slice(1)}.`;
    } finally {
      stop = null;
      button.textContent = 'Fill';
    }
  });
}

for (const place of document.querySelectorAll('.live')) start(place);
