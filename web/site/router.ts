/** The views, chosen by the part of the address after #. */
import { byId, setText } from './dom.ts';

const FILLING = 'Leave blanks anywhere in a text: a small language model fills them, here in your browser, and nothing you type leaves it.';
const WRITING = 'Begin a text: a small language model continues it, here in your browser, and nothing you type leaves it.';
const DRAWING = 'Small networks draw pictures from noise, here in your browser: with every sampler of score-based diffusion, side by side.';
const KEEPING = 'The models of this page, and your own: what each can do, and what is kept on this device for times without a network.';

/** Title and subtitle of each view. */
const VIEWS = {
  text: ['Palimpsest', FILLING],
  continue: ['Continue – Palimpsest', WRITING],
  pictures: ['Pictures – Palimpsest', DRAWING],
  models: ['Models – Palimpsest', KEEPING],
} as const;
export type View = keyof typeof VIEWS;

const isView = (name: string): name is View => name in VIEWS;

export function startRouter(entered: (view: View) => void): void {
  const show = (focus: boolean): void => {
    const name = location.hash.slice(1);
    const view = isView(name) ? name : 'text';
    for (const other of Object.keys(VIEWS)) byId(`view-${other}`).hidden = other !== view;
    for (const link of document.querySelectorAll('nav a')) {
      if (link.getAttribute('href') === `#${view}`) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    const [title, subtitle] = VIEWS[view];
    document.title = title;
    setText(byId('subtitle'), subtitle);
    if (focus) {
      scrollTo(0, 0);
      byId(`heading-${view}`).focus({ preventScroll: true });
    }
    entered(view);
  };
  addEventListener('hashchange', () => show(true));
  show(false);
}
