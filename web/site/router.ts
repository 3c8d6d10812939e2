/** Two views, chosen by the part of the address behind #. */
import { byId } from './dom.ts';

const VIEWS = { text: 'Palimpsest', models: 'Models – Palimpsest' } as const;
type View = keyof typeof VIEWS;

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
    document.title = VIEWS[view];
    if (focus) {
      scrollTo(0, 0);
      byId(`heading-${view}`).focus({ preventScroll: true });
    }
    entered(view);
  };
  addEventListener('hashchange', () => show(true));
  show(false);
}
