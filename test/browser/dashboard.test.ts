import type {Browser} from 'playwright-core'
import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest'
import {AuditReport} from '../../src/domain/audit.js'
import {walletReady} from '../../src/wallet/keypair.js'
import {WebWorld} from '../helpers/web-world.js'
import {
  browserPath,
  desktop,
  expectAccessible,
  expectNoSideways,
  inBothSchemes,
  inEveryDress,
  launch,
  open,
  settled,
  type Watched,
} from './browser.js'

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
      const said: Record<string, RegExp> = {
        '': /waits for its first task[\s\S]*Not decided yet/,
        miners: /No miner has offered anything yet/,
        tasks: /No task has settled yet/,
        validators: /No validator meets stake floor and permit/,
        'task/1': /There is no such task[\s\S]*No task has been published yet/,
        'mechanism/dataset': /publishes no ranking of dataset/,
        nowhere: /There is no such page/,
      }
      const name = `empty-${place.replace('/', '-') || 'overview'}`
      await inEveryDress(browser, url, {place, name}, async ({page}) => {
        expect(await page.locator('main').textContent()).toMatch(said[place]!)
      })
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
    await inBothSchemes(watched, 'down-desktop')
    await watched.page.setViewportSize({width: 390, height: 844})
    await expectNoSideways(watched.page)
    await inBothSchemes(watched, 'down-phone')

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
    // Of the API alone: the page's own code has such names too.
    await watched.page.route(/\/(overview|scores|history|validators|miners|health)\b(?!.*\.js)/, (route) =>
      route.abort(),
    )
    await watched.page.goto(`${url}/#/validators`)
    await watched.page.waitForSelector('.notice.bad')

    await watched.page.waitForSelector('main p:has-text("The API does not answer")')
    // One alarm, not one for each question that has no answer.
    expect(await watched.page.locator('.notice.bad').count()).toBe(1)
    await inBothSchemes(watched, 'down-from-the-start-desktop')
    await watched.page.setViewportSize({width: 390, height: 844})
    await expectNoSideways(watched.page)
    await inBothSchemes(watched, 'down-from-the-start-phone')
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
    const picture = `hostile-${name.replace('/', '-') || 'overview'}`
    await inEveryDress(browser, url, {place, name: picture, fullPage: name !== 'miners'}, async ({page}) => {
      for (const button of await page.getByRole('button', {name: /Why|verdict/}).all()) await button.click()
      await settled(page)

      expect(
        await page.locator('main script, main img[src="x"], main [onerror], main a[href^="javascript:"]').count(),
      ).toBe(0)
      if (name !== '') expect(await page.locator('main').textContent()).toContain('<script>')
    })
  })
})

/** Another mechanism, as its owner publishes it: somebody ahead, somebody far behind, somebody refused in hostile words. */
function otherMechanism({miners, validators}: WebWorld, text: string) {
  const rows = miners.slice(0, 5).map(({hotkey}, index) => ({
    ...{hotkey, uid: index + 10, rank: index < 3 ? index + 1 : null, eligible: index < 3},
    ...{weight: index === 0 ? 1 : 0, block: 100 + index},
    numbers: {score: index < 3 ? 0.8159 - index / 10 : 0, quality: 0.8253, factor: 0.9886, round: 4, timeS: 0.04},
    sentence: index < 3 ? `scored 0.8159 in round 4 (quality 0.8253 × 0.9886 for 0.04 s)` : `not ranked: ${text}`,
  }))
  const results = rows.map(({hotkey, rank, numbers}) => ({
    ...{hotkey, outcome: rank === null ? 'failed' : 'scored', reason: rank === null ? text : null},
    ...{isolation: 'podman', finalScore: numbers.score, quality: numbers.quality, timeS: numbers.timeS},
  }))
  const neurons = rows.map(({hotkey, uid}) => ({hotkey, uid, stakeRao: '0', validatorPermit: false}))
  return {
    ranking: {ranking: {rows, summary: 'uid 10 takes all: it scored 0.8159'}, view: {block: 900, neurons, miners: []}},
    rounds: {
      author: validators[0]!.hotkey,
      rounds: [4, 3].map((sequence) => ({
        ...{sequence, block: 800 + sequence, created_at: new Date().toISOString(), evidence: {results}},
      })),
    },
  }
}

describe.skipIf(browserPath === undefined)('a subnet with two mechanisms', () => {
  it.each([
    ['plain words', 'its image did not deliver in round 1 (a warm-up run ended with 1 before it answered)'],
    ['hostile words', hostile],
  ])('shows the other one in every dress, in %s', async (name, words) => {
    world = new WebWorld({miners: 6, validators: 1, tasks: 2})
    const url = await world.listen()
    const {ranking, rounds} = otherMechanism(world, words)
    const place = 'mechanism/talking-head'
    try {
      await inEveryDress(browser, url, {place, name: `mechanism-${name.split(' ')[0]}`}, async ({page}) => {
        await page.route('**/mechanisms/talking-head/ranking', (route) => route.fulfill({json: ranking}))
        await page.route('**/mechanisms/talking-head/rounds*', (route) => route.fulfill({json: rounds}))
        await page.route('**/overview', async (route) => {
          const response = await route.fetch()
          const mechanisms = [
            {name: 'video', mecid: 0},
            {name: 'talking-head', mecid: 1},
          ]
          await route.fulfill({response, json: {...((await response.json()) as object), mechanisms}})
        })
        await page.reload()
        await settled(page)
        await page.locator('summary').first().click()

        expect(await page.locator('.switch a[aria-current]').textContent()).toContain('talking-head')
        // Nothing of a row lies on something else of it.
        const overlaps = await page.evaluate(
          () =>
            [...document.querySelectorAll('.board li')].filter((row) => {
              const name = row.querySelector('.name a, .name .who')?.getBoundingClientRect()
              const rate = row.querySelector('.rate')?.getBoundingClientRect()
              if (!name || !rate || rate.width === 0) return false
              return (
                rate.left < name.right && rate.right > name.left && rate.top < name.bottom && rate.bottom > name.top
              )
            }).length,
        )
        expect(overlaps).toBe(0)
      })
    } finally {
      await world.close()
    }
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
    // A picture of all miners at once would be of rows that nobody has scrolled to.
    await inEveryDress(browser, url, {
      place: place === 'miner' ? `miner/${world!.miners[1]!.hotkey}` : place,
      name: `full-${name}`,
      fullPage: name !== 'miners',
    })
  })

  it('are documented on a page that everybody can read', async () => {
    watched = await open(browser, url, {...desktop, reducedMotion: 'reduce'})
    const {page} = watched
    for (const [size, width] of [
      ['desktop', 1280],
      ['phone', 390],
    ] as const) {
      await page.setViewportSize({width, height: 900})
      await page.goto(`${url}/docs`)
      for (const summary of await page
        .locator('summary')
        .all()
        .then((all) => all.slice(0, 3)))
        await summary.click()
      await expectNoSideways(page)
      await inBothSchemes(watched, `docs-${size}`)
    }
    await page.getByRole('link', {name: 'the dashboard'}).click()
    await settled(page)
    expect(watched.faults).toEqual([])
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
