// @ts-check
/* Apps of Next.js and SvelteKit whose page imports palimpsest on the server and in the browser, and fills blanks there. */

const FILL = `const models = new URLSearchParams(location.search).get('models');
    load(models + 'tiny-infill.gguf', { cache: false })
      .then((model) => model.infill('the dog [[2]] the [[3]].', { seed: 7 }).result())
      .then(({ text }) => show(text), ({ code, message }) => show(code + ': ' + message));`;

const next = {
  'app/layout.jsx': `export const metadata = { title: 'Bare' };
export default function Layout({ children }) {
  return <html lang="en"><head><link rel="icon" href="data:," /></head><body>{children}</body></html>;
}
`,
  'app/page.jsx': `import { load, supported } from 'palimpsest';
import Blanks from './blanks.jsx';

export const dynamic = 'force-dynamic';
export default function Page() {
  return <main><p id="server">{typeof load} {typeof supported}</p><Blanks /></main>;
}
`,
  'app/blanks.jsx': `'use client';
import { useEffect, useState } from 'react';
import { load } from 'palimpsest';

export default function Blanks() {
  const [text, show] = useState('waiting');
  useEffect(() => {
    ${FILL}
  }, []);
  return <p id="blanks">{text}</p>;
}
`,
};

const sveltekit = {
  'vite.config.js': `import { sveltekit } from '@sveltejs/kit/vite';
export default { plugins: [sveltekit()] };
`,
  'src/app.html': '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Bare</title><link rel="icon" href="data:,">%sveltekit.head%</head><body>%sveltekit.body%</body></html>\n',
  'src/routes/+page.svelte': `<script>
  import { onMount } from 'svelte';
  import { load, supported } from 'palimpsest';
  let text = $state('waiting');
  const show = (said) => (text = said);
  onMount(() => {
    ${FILL}
  });
</script>
<p id="server">{typeof load} {typeof supported}</p><p id="blanks">{text}</p>
`,
};

/** `build` and `serve` are arguments of Node; that of serve gets the port behind it.
 *  @type {{ name: string, files: Record<string, string>, build: string[], serve: string[] }[]} */
export const APPS = [
  { name: 'Next.js, Turbopack', files: next, build: ['next/dist/bin/next', 'build'], serve: ['next/dist/bin/next', 'start', '-H', '127.0.0.1', '-p'] },
  { name: 'Next.js, webpack', files: next, build: ['next/dist/bin/next', 'build', '--webpack'], serve: ['next/dist/bin/next', 'start', '-H', '127.0.0.1', '-p'] },
  { name: 'SvelteKit', files: sveltekit, build: ['vite/bin/vite.js', 'build'], serve: ['vite/bin/vite.js', 'preview', '--host', '127.0.0.1', '--strictPort', '--port'] },
];
