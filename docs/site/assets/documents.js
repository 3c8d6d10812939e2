/* The documents' own script: search, list of headings on wide screens, buttons that copy code. */
const here = new URL('../', import.meta.url);
const element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

// ---- the list of headings is open where it has a column of its own

const headings = document.querySelector(':not(.broad) > main > .here');
if (headings) {
  const wide = matchMedia('(min-width: 84rem)');
  const follow = () => (headings.open = wide.matches);
  wide.addEventListener('change', follow);
  follow();
}

// ---- copying code

if (navigator.clipboard)
  for (const block of document.querySelectorAll('article > pre')) {
    const button = element('button', { type: 'button', class: 'copy' }, 'Copy');
    button.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(block.querySelector('code').textContent);
        button.textContent = 'Copied';
      } catch {
        button.textContent = 'Not allowed here';
      }
      setTimeout(() => (button.textContent = 'Copy'), 2000);
    });
    const frame = element('div', { class: 'code' });
    block.replaceWith(frame);
    frame.append(block, button);
  }

// ---- search: the sections are fetched and indexed when the field gets the focus

const box = document.querySelector('#search');
const found = document.querySelector('#found');
const status = document.querySelector('#search-status');
box.closest('.search').hidden = false;

let index = null;
const ready = () => (index ??= make().catch((error) => {
  index = null;
  throw error;
}));
async function make() {
  const [{ default: MiniSearch }, sections] = await Promise.all([
    import('./minisearch.js'),
    fetch(new URL('assets/search.json', here)).then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(`status ${answer.status}`)))),
  ]);
  const search = new MiniSearch({
    idField: 'at',
    fields: ['title', 'page', 'text'],
    storeFields: ['at', 'title', 'page', 'text'],
    // pal_session_pin is found by its parts too
    tokenize: (text) => text.split(/[^\p{L}\p{N}]+/u).filter(Boolean),
    searchOptions: { boost: { title: 4, page: 2 }, prefix: true, fuzzy: (word) => (word.length > 4 ? 0.2 : 0), combineWith: 'AND' },
  });
  search.addAll(sections);
  return search;
}

/** The words around the first one that was found, as text and marks. */
function excerpt({ text, terms }) {
  const at = terms.map((term) => text.toLowerCase().indexOf(term)).filter((place) => place >= 0);
  const start = Math.max(0, Math.min(...at, text.length) - 40);
  const piece = text.slice(at.length ? start : 0, (at.length ? start : 0) + 140);
  const pattern = new RegExp(`(${terms.map((term) => term.replace(/[^\p{L}\p{N}]/gu, '')).join('|')})`, 'iu');
  return piece.split(pattern).map((part, i) => (i % 2 ? element('mark', {}, part) : part));
}

let chosen = -1;
function choose(next) {
  const options = [...found.children].filter((option) => option.href);
  options[chosen]?.removeAttribute('aria-selected');
  chosen = options.length ? (next + options.length) % options.length : -1;
  options[chosen]?.setAttribute('aria-selected', 'true');
  options[chosen]?.scrollIntoView({ block: 'nearest' });
  if (chosen < 0) box.removeAttribute('aria-activedescendant');
  else box.setAttribute('aria-activedescendant', options[chosen].id);
}

function show(children, message) {
  found.replaceChildren(...children);
  found.hidden = children.length === 0;
  box.setAttribute('aria-expanded', String(!found.hidden));
  status.textContent = message;
  chosen = -1;
  box.removeAttribute('aria-activedescendant');
}

async function look() {
  const asked = box.value.trim();
  if (!asked) return show([], '');
  let results;
  try {
    results = (await ready()).search(asked).slice(0, 12);
  } catch {
    const why = 'The search could not be loaded. Its list of sections comes from the server of this page: try again when that can be reached.';
    return show([element('p', { class: 'nothing' }, why)], why);
  }
  if (box.value.trim() !== asked) return;
  if (!results.length) return show([element('p', { class: 'nothing' }, 'Nothing found. Try fewer or other words.')], 'Nothing found');
  const options = results.map((one, i) =>
    element('a', { id: `found-${i}`, role: 'option', tabindex: '-1', href: new URL(one.at, here).href },
      element('b', {}, one.title), one.title === one.page ? '' : element('i', {}, one.page), element('span', {}, ...excerpt(one))));
  show(options, `${results.length} sections found`);
}

box.addEventListener('focus', () => void ready().catch(() => {}), { once: true });
box.addEventListener('input', look);
box.addEventListener('keydown', (event) => {
  if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    event.preventDefault();
    choose(chosen < 0 && event.key === 'ArrowUp' ? -1 : chosen + (event.key === 'ArrowDown' ? 1 : -1));
  } else if (event.key === 'Enter') {
    const option = found.querySelectorAll('a')[Math.max(chosen, 0)];
    if (option) location.href = option.href;
  } else if (event.key === 'Escape') {
    box.value = '';
    show([], '');
  }
});
found.addEventListener('click', () => show([], ''));
document.addEventListener('pointerdown', (event) => {
  if (!box.closest('.search').contains(event.target)) show([], '');
});
document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || event.target.isContentEditable) return;
  event.preventDefault();
  box.focus();
});

// ---- live examples, which the page's guide has too (web/site/guide)

if (document.querySelector('.live')) import('../../guide.js');
