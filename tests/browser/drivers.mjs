// @ts-check
/* One small interface to two browsers: Chromium by playwright-core, Firefox by puppeteer-core and WebDriver BiDi.
 *
 * A profile starts without storage and service workers; tabs of one profile share them. */
import { setTimeout as pause } from 'node:timers/promises';

/** Long, because the browsers run in parallel with builds and other tests; waiting ends as soon as the condition is
 *  true. */
export const PATIENCE = 90_000;
const VIEWPORT = { width: 1100, height: 800 };

/** Runs in every document before its own code: records what the drivers cannot report in both browsers. */
const WATCH = () => {
  const watched = { violations: /** @type {string[]} */ ([]) };
  Object.assign(globalThis, { watched });
  document.addEventListener('securitypolicyviolation', (event) => watched.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  try {
    sessionStorage.setItem('loads', String(Number(sessionStorage.getItem('loads') ?? 0) + 1));
    localStorage.setItem('palimpsest.shown', 'true'); // no fill that begins by itself on a first visit
  } catch {
    // an empty document has no storage
  }
};

/** Waits until ask() returns something true, and returns it. */
export async function until(/** @type {() => unknown} */ ask, /** @type {string} */ what, patience = PATIENCE) {
  const end = Date.now() + patience;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited ${patience / 1000} s for: ${what}`);
    await pause(30);
  }
}

/** The methods of both kinds of tab, based on those of the subclasses. */
class Tab {
  /** @type {string[]} */
  errors = [];
  /** @type {string[]} */
  requests = [];

  /** @param {any} page */
  constructor(page) {
    this.page = page;
  }

  /** Runs a function in the page; async ones are awaited.
   *  @param {(argument: any) => any} run */
  evaluate(run, /** @type {any} */ argument = null) {
    return this.page.evaluate(run, argument);
  }

  /** Waits until a function in the page returns something true.
   *  @param {(argument: any) => any} ask */
  until(ask, /** @type {any} */ argument = null, what = String(ask), patience = PATIENCE) {
    // Between two documents no page can answer.
    return until(() => this.evaluate(ask, argument).catch((/** @type {Error} */ error) => {
      if (!/context|navigat|realm|frame/i.test(error.message)) throw error;
    }), what, patience);
  }

  async goto(/** @type {string} */ url) {
    await this.page.goto(url, { waitUntil: 'load', timeout: PATIENCE });
  }

  async reload() {
    await this.page.reload({ waitUntil: 'load', timeout: PATIENCE });
  }

  async press(/** @type {string} */ key) {
    const parts = key.split('+');
    const last = parts.pop();
    for (const part of parts) await this.page.keyboard.down(part);
    await this.page.keyboard.press(last);
    for (const part of parts.reverse()) await this.page.keyboard.up(part);
  }

  async type(/** @type {string} */ text) {
    await this.page.keyboard.type(text);
  }

  screenshot(/** @type {string} */ path) {
    return this.page.screenshot({ path, fullPage: true });
  }

  /** Text in a part of the page. */
  text(/** @type {string} */ selector) {
    return this.evaluate((s) => document.querySelector(s)?.textContent ?? null, selector);
  }

  visible(/** @type {string} */ selector) {
    return this.evaluate((s) => document.querySelector(s)?.checkVisibility({ visibilityProperty: true }) ?? false, selector);
  }

  violations() {
    return this.evaluate(() => /** @type {any} */ (globalThis).watched.violations);
  }

  /** Documents that this tab has shown. */
  loads() {
    return this.evaluate(() => Number(sessionStorage.getItem('loads')));
  }
}

// ---- Chromium

class ChromiumTab extends Tab {
  browser = 'chromium';

  /** @param {any} page */
  constructor(page) {
    super(page);
    page.on('pageerror', (/** @type {Error} */ error) => this.errors.push(String(error)));
    page.on('console', (/** @type {any} */ said) => said.type() === 'error' && this.errors.push(said.text()));
  }

  async resize(/** @type {number} */ width, /** @type {number} */ height) {
    await this.page.setViewportSize({ width, height });
  }

  /** @param {string} role @param {string} name */
  async button(name, role = 'button') {
    await this.page.getByRole(role, { name, exact: true }).click({ timeout: PATIENCE });
  }

  async click(/** @type {string} */ selector) {
    await this.page.click(selector, { timeout: PATIENCE });
  }

  async pick(/** @type {string} */ selector, /** @type {string} */ path) {
    await this.page.setInputFiles(selector, path);
  }

  /** The maximum processor time, in milliseconds, of a task on the page's main thread while run() ran. */
  async longestTask(/** @type {() => Promise<unknown>} */ run) {
    const browser = this.page.context().browser();
    await browser.startTracing(this.page, { categories: ['toplevel', 'devtools.timeline'] });
    let trace;
    try {
      await run();
    } finally {
      trace = await browser.stopTracing();
    }
    return longestIn(JSON.parse(trace.toString()).traceEvents);
  }

  /** Commands of the DevTools protocol, for what only a hand or an input method does. */
  async hand() {
    const session = await this.page.context().newCDPSession(this.page);
    return (/** @type {string} */ method, /** @type {any} */ parameters) => session.send(method, parameters);
  }

  close() {
    return this.page.close();
  }
}

/** `tdur` is the processor time of the thread; wall-clock time depends on other load on the machine. */
function longestIn(/** @type {any[]} */ events) {
  const key = (/** @type {any} */ event) => `${event.pid}.${event.tid}`;
  const main = new Set(events.filter((one) => one.name === 'thread_name' && one.args.name === 'CrRendererMain').map(key));
  const tasks = events.filter((one) => main.has(key(one)) && /RunTask$/.test(one.name) && one.tdur !== undefined);
  if (!tasks.length) throw new Error('the trace holds no tasks');
  return { tasks: tasks.length, longest: Math.max(...tasks.map((one) => one.tdur)) / 1000, wall: Math.max(...tasks.map((one) => one.dur)) / 1000 };
}

/** How a page is shown: by its colour scheme, or in the colours of the system.
 *  @typedef {boolean | 'forced'} Dark */

async function chromiumProfile(/** @type {any} */ browser, /** @type {Dark} */ dark = false) {
  const context = await browser.newContext({ viewport: VIEWPORT, colorScheme: dark === true ? 'dark' : 'light', forcedColors: dark === 'forced' ? 'active' : 'none' });
  await context.addInitScript(WATCH);
  /** @type {string[]} */
  const requests = [];
  context.on('request', (/** @type {any} */ request) => requests.push(request.url()));
  return {
    requests,
    async tab(/** @type {(() => void) | null} */ before = null) {
      const page = await context.newPage();
      if (before) await page.addInitScript(before);
      return new ChromiumTab(page);
    },
    /** Limits the storage of an origin. */
    async quota(/** @type {string} */ origin, /** @type {number} */ bytes) {
      const session = await context.newCDPSession(context.pages()[0]);
      await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: bytes });
    },
    close: () => context.close(),
  };
}

async function startChromium() {
  const { chromium } = await import('playwright-core');
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--ignore-certificate-errors'];
  const browser = await chromium.launch({ executablePath: await onPath('chromium', 'chromium-browser', 'google-chrome'), args });
  return { name: 'chromium', version: browser.version(), profile: (/** @type {Dark} */ dark = false) => chromiumProfile(browser, dark), close: () => browser.close() };
}

// ---- Firefox

class FirefoxTab extends Tab {
  browser = 'firefox';

  /** @param {any} page */
  constructor(page) {
    super(page);
    page.on('pageerror', (/** @type {Error} */ error) => this.errors.push(String(error)));
    page.on('console', (/** @type {any} */ said) => said.type() === 'error' && this.errors.push(said.text()));
  }

  async resize(/** @type {number} */ width, /** @type {number} */ height) {
    await this.page.setViewport({ width, height });
  }

  /** By its text; querying Firefox's accessibility tree takes seconds, and Chromium's is queried anyway. */
  async button(/** @type {string} */ name, role = 'button') {
    const find = () => this.page.evaluateHandle((/** @type {string} */ wanted, /** @type {string} */ kind) => {
      const all = /** @type {HTMLElement[]} */ ([...document.querySelectorAll(kind === 'link' ? 'a[href]' : 'button')]);
      return all.find((one) => (one.ariaLabel ?? one.textContent?.trim()) === wanted && one.checkVisibility() && !one.matches(':disabled')) ?? null;
    }, name, role);
    await this.hitOneOf(async () => (await find()).asElement(), `the ${role} ${name}`);
  }

  /** Finds an element and clicks it; if the page has put another one in its place meanwhile, that one. */
  async hitOneOf(/** @type {() => Promise<any>} */ find, /** @type {string} */ what) {
    for (let tries = 1; ; tries++) {
      try {
        return await this.hit(await until(find, what));
      } catch (error) {
        if (tries === 5 || !/detached/.test(String(error))) throw error;
      }
    }
  }

  /** Clicks when the element has not moved for two frames, because a click goes to its old position; after a second it
   *  clicks anyway, because a page that is being written keeps moving. */
  async hit(/** @type {any} */ element) {
    await element.evaluate(async (/** @type {Element} */ one) => {
      const frame = () => new Promise((done) => (requestAnimationFrame(done), setTimeout(done, 100))); // hidden tabs have none
      const place = async () => (await frame(), JSON.stringify(one.getBoundingClientRect()));
      const end = performance.now() + 1000;
      for (let last = await place(), same = 0; same < 2 && performance.now() < end;) {
        const now = await place();
        same = now === last ? same + 1 : 0;
        last = now;
      }
    });
    await this.clickSurely(element);
  }

  /** A page that moves between pressing and releasing the button has no click: then it is clicked once more. */
  async clickSurely(/** @type {any} */ element) {
    for (let tries = 0; tries < 5; tries++) {
      await element.evaluate((/** @type {any} */ one) => {
        one.wasClicked = false;
        one.addEventListener('click', () => (one.wasClicked = true), { once: true, capture: true });
      });
      await element.click();
      // An element that is gone has been clicked: that is why it is gone.
      if (await element.evaluate((/** @type {any} */ one) => one.wasClicked || !one.isConnected).catch(() => true)) return;
    }
  }

  /** Not by puppeteer's locators, which wait until a page stops moving. */
  async click(/** @type {string} */ selector) {
    await this.hitOneOf(() => this.page.$(selector), selector);
  }

  async pick(/** @type {string} */ selector, /** @type {string} */ path) {
    await (await this.page.$(selector)).uploadFile(path);
  }

  close() {
    return this.page.close();
  }
}

async function firefoxProfile(/** @type {any} */ browser) {
  const context = await browser.createBrowserContext();
  /** @type {string[]} */
  const requests = [];
  return {
    requests,
    async tab(/** @type {(() => void) | null} */ before = null) {
      const page = await context.newPage();
      await page.setViewport(VIEWPORT);
      page.on('request', (/** @type {any} */ request) => requests.push(request.url()));
      await page.evaluateOnNewDocument(WATCH);
      if (before) await page.evaluateOnNewDocument(before);
      return new FirefoxTab(page);
    },
    close: () => context.close(),
  };
}

/** A dark page needs its own Firefox: BiDi has no command for it here. */
const DARK = { 'layout.css.prefers-color-scheme.content-override': 0 };
const FORCED = { 'browser.display.document_color_use': 2 };

async function startFirefox() {
  const { default: puppeteer } = await import('puppeteer-core');
  const executablePath = await onPath('firefox-esr', 'firefox');
  const launch = (extraPrefsFirefox = {}) => puppeteer.launch({ browser: 'firefox', executablePath, headless: true, acceptInsecureCerts: true, extraPrefsFirefox });
  const browser = await launch();
  return {
    name: 'firefox',
    version: await browser.version(),
    async profile(/** @type {Dark} */ dark = false) {
      const own = dark ? await launch(dark === 'forced' ? FORCED : DARK) : browser;
      const profile = await firefoxProfile(own);
      return dark ? { ...profile, close: () => own.close() } : profile;
    },
    close: () => browser.close(),
  };
}

// ---- either

async function onPath(/** @type {string[]} */ ...names) {
  const { access, constants } = await import('node:fs/promises');
  const { delimiter, join } = await import('node:path');
  for (const name of names)
    for (const folder of (process.env.PATH ?? '').split(delimiter)) {
      const path = join(folder, name);
      if (await access(path, constants.X_OK).then(() => true, () => false)) return path;
    }
  throw new Missing(`none of ${names.join(', ')} is installed`);
}

/** The browser is not installed: its scenarios are skipped. */
export class Missing extends Error {}

export function start(/** @type {string} */ name) {
  return name === 'firefox' ? startFirefox() : startChromium();
}
