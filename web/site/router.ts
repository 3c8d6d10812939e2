/** The views, chosen by the part of the address after #. */
import { byId, setText } from './dom.ts';

const FILLING = 'Leave blanks anywhere in a text: a small language model fills them, here in your browser, and nothing you type leaves it.';
const WRITING = 'Begin a text: a small language model continues it, here in your browser, and nothing you type leaves it.';
const DRAWING = 'Small networks draw pictures from noise, here in your browser: with every sampler of score-based diffusion, side by side.';
const MEASURING = 'Charts that the engine computes while you watch: which samplers are exact, what noise does, and what a score is.';
const SOLVING = 'A small network fills a board cell by cell, here in your browser. It knows no rules; a solver says whether it is right.';
const EXPLAINING = 'From what a blank is to why a sampler is exact, in eight screens. Every example is computed here, by the engine of this page.';
const KEEPING = 'The models of this page, and your own: what each can do, and what is kept on this device for times without a network.';

/** Title and subtitle of each view. */
const VIEWS = {
  text: ['Palimpsest', FILLING],
  continue: ['Continue – Palimpsest', WRITING],
  pictures: ['Pictures – Palimpsest', DRAWING],
  lab: ['Lab – Palimpsest', MEASURING],
  sudoku: ['Sudoku – Palimpsest', SOLVING],
  guide: ['Guide – Palimpsest', EXPLAINING],
  models: ['Models – Palimpsest', KEEPING],
} as const;
export type View = keyof typeof VIEWS;

const isView = (name: string): name is View => name in VIEWS;

/** `entered`: called with the view, and with what follows it in the address after a slash. */
export function startRouter(entered: (view: View, rest: string) => void): void {
  let last: View | null = null;
  const show = (focus: boolean): void => {
    const [name = '', rest = ''] = location.hash.slice(1).split('/');
    const view = isView(name) && (!rest || name === 'lab' || name === 'guide') ? name : 'text';
    for (const other of Object.keys(VIEWS)) byId(`view-${other}`).hidden = other !== view;
    for (const link of document.querySelectorAll('.masthead nav a')) {
      if (link.getAttribute('href') === `#${view}`) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    const [title, subtitle] = VIEWS[view];
    document.title = title;
    setText(byId('subtitle'), subtitle);
    if (focus && view !== last) {
      scrollTo(0, 0);
      byId(`heading-${view}`).focus({ preventScroll: true });
    }
    last = view;
    entered(view, rest);
  };
  addEventListener('hashchange', () => show(true));
  show(false);
}
