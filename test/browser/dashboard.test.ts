import type {Browser} from 'playwright-core'
import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest'
import {AuditReport} from '../../src/domain/audit.js'
import {walletReady} from '../../src/wallet/keypair.js'
import {WebWorld} from '../helpers/web-world.js'
import {browserPath, desktop, expectAccessible, launch, open, phone, settled, visit, type Watched} from './browser.js'

let browser: Browser
let world: WebWorld | undefined
let watched: Watched | undefined

beforeAll(async () => {
  await walletReady()
  if (browserPath !== undefined) browser = await launch()
})
afterEach(async () => {
  await watched?.close()
  watched = undefined
})
afterAll(() => browser?.close())

const text = (selector: string) => watched!.page.locator(selector).textContent()

describe.skipIf(browserPath === undefined)('a subnet without anything', () => {
  let url: string
  beforeAll(async () => {
    world = new WebWorld({miners: 0, validators: 0, tasks: 0})
    url = await world.listen()
  })
  afterAll(() => world?.close())

  it.each(['', 'miners', 'tasks', 'validators', 'task/1', 'mechanism/dataset', 'nowhere'])(
    'says so at #/%s',
    async (place) => {
      watched = await open(browser, url)
      await watched.go(place)

      const said: Record<string, RegExp> = {
        '': /waits for its first task[\s\S]*Not decided yet/,
        miners: /No miner has offered anything yet/,
        tasks: /No task has settled yet/,
        validators: /No validator meets stake floor and permit/,
        'task/1': /There is no such task[\s\S]*No task has been published yet/,
        'mechanism/dataset': /publishes no ranking of dataset/,
        nowhere: /There is no such page/,
      }
      expect(await text('main')).toMatch(said[place]!)
      expect(watched.faults).toEqual([])
      await expectAccessible(watched.page)
      await watched.shoot(`empty-${place.replace('/', '-') || 'overview'}`)
    },
  )
})

describe.skipIf(browserPath === undefined)('an API that goes away', () => {
  it('leaves in sight what was there, says since when, and is live again once it is back', async () => {
    world = new WebWorld({miners: 6, validators: 2, tasks: 3})
    const url = await world.listen()
    const {port} = new URL(url)
    watched = await open(browser, url)
    await watched.go('')
    await watched.page.waitForSelector('.live.on')

    await world.down()
    await watched.page.waitForSelector('.live.off')
    expect(await text('.live')).toMatch(/Not live[\s\S]*(next try in|connecting)/)
    expect(await text('main')).toContain('Who is ahead')
    await watched.page.waitForSelector('.pulse.bad')
    expect(await text('body')).toMatch(/The API does not answer\.[\s\S]*What you see is from/)
    await watched.shoot('down')

    const again = world.server()
    await again.listen({port: Number(port), host: '127.0.0.1'})
    await watched.page.waitForSelector('.live.on', {timeout: 30_000})
    await watched.page.waitForSelector('.pulse.good')
    expect(await text('body')).not.toContain('The API does not answer')
    expect(watched.faults).toEqual([])
    await again.close()
    await world.close()
  })

  it('is told in words where nothing was there before', async () => {
    world = new WebWorld({miners: 2, validators: 1, tasks: 1})
    const url = await world.listen()
    watched = await open(browser, url)
    await watched.page.route(/overview|scores|history|validators|miners/, (route) => route.abort())
    await watched.page.goto(`${url}/#/validators`)
    await watched.page.waitForSelector('.notice.bad')

    expect(await text('body')).toContain('The API does not answer')
    await expectAccessible(watched.page)
    await world.close()
  })
})

/** Everything that a stranger may write, written by somebody who means harm. */
const hostile = `"><img src=x onerror="console.error('ran')"><script>console.error('ran')</script>{{7*7}}\u202Eevil\u202C javascript:alert(1) ${'W'.repeat(120)}`

/** An audit that found something of each severity, about what a stranger wrote. */
function audited(text: string, who: string): AuditReport {
  const finding = {object: `verdict ${text}`.slice(0, 300), who, expected: text, found: null, remedy: text, task: 3}
  return AuditReport.parse({
    version: 1,
    at: new Date().toISOString(),
    ...{source: text, network: text, netuid: 99, mechanism: 'video', exams: [], ranking: null, validators: []},
    range: {fromTask: 1, toTask: 4, fromBlock: 1000, toBlock: 1004},
    checks: [
      {check: 'signatures', looked: 40, differs: 1},
      {check: text.slice(0, 64), looked: 3, differs: 0},
    ],
    findings: [
      {...finding, severity: 'error', code: 'VERDICT_SIGNATURE'},
      {...finding, severity: 'warning', code: 'REUSED_OUTPUT', task: null},
      {...finding, severity: 'info', code: 'NOT_LOOKED_AT', found: text},
    ],
    counts: {error: 1, warning: 1, info: 1},
    ok: false,
  })
}

describe.skipIf(browserPath === undefined)('hostile words in every field', () => {
  let url: string
  beforeAll(async () => {
    world = new WebWorld({miners: 12, validators: 2, tasks: 4, text: hostile})
    const report = audited(hostile, world.miners[0]!.hotkey)
    url = await world.listen({audit: {last: () => report}})
  })
  afterAll(() => world?.close())

  it.each(['', 'miners', 'miner', 'tasks', 'task/4', 'validators'])('are words at #/%s', async (name) => {
    const place = name === 'miner' ? `miner/${world!.miners[8]!.hotkey}` : name
    await visit(browser, url, {place, options: phone}, async ({page, shoot}) => {
      for (const button of await page.getByRole('button', {name: /Why|verdict/}).all()) await button.click()
      await settled(page)

      expect(
        await page.locator('main script, main img[src="x"], main [onerror], main a[href^="javascript:"]').count(),
      ).toBe(0)
      if (name !== '') expect(await page.locator('main').textContent()).toContain('<script>')
      await shoot(`hostile-${name.replace('/', '-') || 'overview'}`)
    })
  })
})

describe.skipIf(browserPath === undefined)('256 miners and 10,000 tasks', () => {
  let url: string
  beforeAll(async () => {
    world = new WebWorld({miners: 256, validators: 4, tasks: 12, older: 9_988})
    url = await world.listen()
  })
  afterAll(() => world?.close())

  it('are searched, sorted and sent to somebody by their address', async () => {
    watched = await open(browser, url)
    await watched.go('miners?sort=pass&show=ranked')
    const {page} = watched
    const rates = async () =>
      (await page.locator('.board > li .rate > span.number').allInnerTexts()).map((rate) => Number.parseFloat(rate))
    const before = await rates()
    expect(before.length).toBeGreaterThan(6)
    expect(before).toEqual([...before].sort((a, b) => b - a))

    const wanted = world!.miners[3]!.hotkey
    await page.getByLabel('Search').fill(wanted.slice(2, 20))
    await page.waitForFunction(() => document.querySelectorAll('.board > li').length === 1)
    expect(page.url()).toContain(`q=${wanted.slice(2, 20)}`)
    await page.reload()
    await settled(page)
    expect(await page.locator('.board > li').count()).toBe(1)
    expect(await page.locator('.board > li a.who').getAttribute('href')).toContain(wanted)
  })

  it('draw only the miners in sight, lose none of them, and keep what has the focus', async () => {
    watched = await open(browser, url)
    await watched.go('miners')
    const {page} = watched
    const places = () =>
      page.evaluate(() => [...document.querySelectorAll('.board > li')].map((row) => Number(row.ariaPosInSet)))
    const seen = new Set(await places())
    expect(seen.size).toBeLessThan(40)
    await page.locator('.board > li a.who').first().focus()
    while (!seen.has(256)) {
      const before = seen.size
      await page.mouse.wheel(0, 1_400)
      await page.waitForFunction(
        (known) =>
          [...document.querySelectorAll('.board > li')].some((row) => !known.includes(Number(row.ariaPosInSet))),
        [...seen],
      )
      for (const place of await places()) seen.add(place)
      expect(seen.size).toBeGreaterThan(before)
    }
    expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({length: 256}, (_, index) => index + 1))
    expect(await page.locator('.board > li').count()).toBeLessThan(40)
    expect(await page.evaluate(() => document.activeElement?.closest('li')?.ariaPosInSet)).toBe('1')
    await expectAccessible(page)
    expect(watched.faults).toEqual([])
  })

  it('have their tasks in pages', async () => {
    watched = await open(browser, url)
    const {page} = watched
    await watched.go('tasks')
    expect(await page.locator('.task-list > li').count()).toBe(50)
    await page.getByRole('link', {name: 'Older'}).click()
    await page.waitForFunction(() => document.querySelector('.task-list .id')?.textContent === '#9950')
    await page.goBack()
    await page.waitForFunction(() => document.querySelector('.task-list .id')?.textContent === '#10000')
    expect(watched.faults).toEqual([])
  })

  it.each([
    ['', 'overview'],
    ['miners', 'miners'],
    ['tasks', 'tasks'],
    ['validators', 'validators'],
    ['task/10000', 'task'],
    ['miner', 'miner'],
  ])('fit on a phone and a desk at #/%s, in both colour schemes', async (place, name) => {
    for (const [size, options] of [
      ['phone', phone],
      ['desktop', desktop],
    ] as const)
      for (const colorScheme of ['light', 'dark'] as const)
        await visit(
          browser,
          url,
          {
            place: place === 'miner' ? `miner/${world!.miners[1]!.hotkey}` : place,
            options: {...options, colorScheme, reducedMotion: 'reduce'},
          },
          // A picture of all miners at once would be of rows that nobody has scrolled to.
          ({shoot}) => shoot(`full-${name}-${size}-${colorScheme}`, {fullPage: name !== 'miners'}),
        )
  })

  it('can be walked through by keyboard alone', async () => {
    watched = await open(browser, url)
    await watched.go('')
    const {page} = watched
    const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() ?? '')
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('Skip to the content')
    await page.keyboard.press('Enter')
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('main')
    await page.keyboard.press('Tab')
    expect(await focused()).toMatch(/^#\d+/)
    await page.keyboard.press('Enter')
    await page.waitForFunction(() => location.hash.startsWith('#/task/'))
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('main')
  })
})
