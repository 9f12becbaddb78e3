import {existsSync, mkdirSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {fileURLToPath} from 'node:url'
import {type Browser, type BrowserContextOptions, chromium, type Page} from 'playwright-core'
import {expect} from 'vitest'

/** Named by LEOMA_TEST_BROWSER, or Debian's and others' where they are; undefined when there is none. */
export function findBrowser(): string | undefined {
  const named = process.env.LEOMA_TEST_BROWSER
  if (named) return named
  const folders = (process.env.PATH ?? '').split(path.delimiter)
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
  return names.flatMap((name) => folders.map((folder) => path.join(folder, name))).find((file) => existsSync(file))
}

export const browserPath = findBrowser()
if (browserPath === undefined)
  console.error('skipped: no browser found (apt install chromium, or LEOMA_TEST_BROWSER=/path/to/chromium)')

export function launch(): Promise<Browser> {
  // As root, which is what runs in containers, Chromium has no sandbox of its own.
  return chromium.launch({executablePath: browserPath ?? '', args: ['--no-sandbox']})
}

export const phone: BrowserContextOptions = {
  viewport: {width: 390, height: 844},
  deviceScaleFactor: 2,
  hasTouch: true,
  isMobile: true,
}
export const desktop: BrowserContextOptions = {viewport: {width: 1280, height: 900}}

const axe = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8')
const shots = path.resolve(import.meta.dirname, '../../coverage/screenshots')
mkdirSync(shots, {recursive: true})

/** A page that remembers what went wrong in it. */
export interface Watched {
  readonly page: Page
  /** Errors of scripts, refused by the policy, or written to the console. */
  readonly faults: string[]
  go(place: string): Promise<void>
  /** Kept for people to look at; compared with nothing. */
  shoot(name: string, options?: {readonly fullPage?: boolean}): Promise<void>
  close(): Promise<void>
}

export async function open(browser: Browser, url: string, options: BrowserContextOptions = desktop): Promise<Watched> {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(`script: ${error.message}`))
  page.on('console', (message) => {
    // A route that is not there, or an API that is down, is told by the browser itself; the page is asserted to cope.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) faults.push(message.text())
  })
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', ({violatedDirective, blockedURI}) => {
      console.error(`policy: ${violatedDirective} ${blockedURI}`)
    })
  })
  return {
    page,
    faults,
    go: async (place) => {
      await page.goto(`${url}/#/${place}`)
      await settled(page)
    },
    shoot: async (name, {fullPage = true} = {}) => {
      await page.screenshot({path: path.join(shots, `${name}.png`), fullPage})
    },
    close: () => context.close(),
  }
}

/** Opens a place, has it looked at, and holds every page to the same: usable by all, nothing sticking out, no faults. */
export async function visit(
  browser: Browser,
  url: string,
  {place, options}: {readonly place: string; readonly options?: BrowserContextOptions},
  work: (watched: Watched) => Promise<void>,
): Promise<void> {
  const watched = await open(browser, url, options)
  try {
    await watched.go(place)
    await work(watched)
    await expectNoSideways(watched.page)
    await expectAccessible(watched.page)
    expect(watched.faults).toEqual([])
  } finally {
    await watched.close()
  }
}

export interface Dressed {
  readonly place: string
  /** Of its pictures. */
  readonly name: string
  /** What stands on the page that only scrolling would draw is not in its picture. */
  readonly fullPage?: boolean
}

/**
 * The same place on a phone and on a desk, light and dark, each looked at and held to the same rules. The scheme changes on
 * the open page, as it does at dusk, so what is drawn in colours must follow.
 */
export async function inEveryDress(
  browser: Browser,
  url: string,
  {place, name, fullPage = true}: Dressed,
  prepare: (watched: Watched) => Promise<void> = async () => {},
): Promise<void> {
  for (const [size, options] of [
    ['phone', phone],
    ['desktop', desktop],
  ] as const) {
    // One pixel for one: pictures four times as large show nothing more and take most of a second each.
    const plain = {deviceScaleFactor: 1, colorScheme: 'light', reducedMotion: 'reduce'} as const
    const watched = await open(browser, url, {...options, ...plain})
    try {
      await watched.go(place)
      await prepare(watched)
      await expectNoSideways(watched.page)
      await inBothSchemes(watched, `${name}-${size}`, {fullPage})
      expect(watched.faults).toEqual([])
    } finally {
      await watched.close()
    }
  }
}

/** An open page by day and by night: pictures, and nothing that keeps people out. */
export async function inBothSchemes(
  {page, shoot}: Watched,
  name: string,
  options: {readonly fullPage?: boolean} = {},
): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({colorScheme})
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50))))
    await shoot(`${name}-${colorScheme}`, options)
    // Nothing but colours changes with the scheme, and the rules about them take most of the time.
    await expectAccessible(page, colorScheme === 'dark' ? colourRules : undefined)
  }
}

const colourRules = ['color-contrast', 'link-in-text-block']

/** Until nothing more is being asked for. Events keep one connection open for ever, which does not count. */
export async function settled(page: Page): Promise<void> {
  await page.waitForFunction(
    () => document.querySelector('main') !== null && document.querySelector('.waiting') === null,
  )
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 150))))
}

interface Violation {
  readonly id: string
  readonly impact: string | null
  readonly nodes: readonly {readonly html: string}[]
}

/** What axe-core finds that keeps people out: everything it calls serious or critical. */
export async function expectAccessible(page: Page, rules?: readonly string[]): Promise<void> {
  // Not by a script element: the page's policy allows none, and is not to be turned off for this.
  await page.evaluate(axe)
  const violations = await page.evaluate(async (only) => {
    // What the text above defines.
    const {axe} = globalThis as unknown as {axe: {run(options: object): Promise<{violations: Violation[]}>}}
    const {violations} = await axe.run(only ? {runOnly: {type: 'rule', values: only}} : {})
    return violations
  }, rules)
  const serious = violations.filter(({impact}) => impact === 'serious' || impact === 'critical')
  expect(serious.map(({id, nodes}) => `${id}: ${nodes[0]?.html}`)).toEqual([])
}

/** Nothing sticks out of the side. A phone's browser would zoom out instead of scrolling, hence the width that was asked for. */
export async function expectNoSideways(page: Page): Promise<void> {
  const width = await page.evaluate(() => document.documentElement.scrollWidth)
  expect(width).toBeLessThanOrEqual(page.viewportSize()?.width ?? 0)
}
