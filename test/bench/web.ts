import {existsSync} from 'node:fs'
import path from 'node:path'
import {type Browser, type CDPSession, chromium, type Page} from 'playwright-core'
import {pageFolder} from '../../src/http/page.js'
import {walletReady} from '../../src/wallet/keypair.js'
import {WebWorld} from '../helpers/web-world.js'
import type {Measured} from './run.js'

/** What a stranger waits for, in Chromium: bytes, time on a slow phone, and work for a full subnet. */
export async function bench(): Promise<Measured[]> {
  const executablePath = findBrowser()
  if (executablePath === undefined || !existsSync(path.join(pageFolder, 'index.html'))) {
    console.error('  skipped: needs a browser (apt install chromium, or LEOMA_TEST_BROWSER) and npm run build')
    return []
  }
  await walletReady()
  console.error('  writing 256 miners and 10 000 tasks …')
  const world = new WebWorld({miners: 256, validators: 4, tasks: 12, older: 9_988})
  const browser = await chromium.launch({executablePath, args: ['--no-sandbox']})
  try {
    const url = await world.listen()
    return [await firstLoad(browser, url), ...(await slowPhone(browser, url)), ...(await fullSubnet(browser, url))]
  } finally {
    await browser.close()
    await world.close()
  }
}

function findBrowser(): string | undefined {
  const folders = (process.env.PATH ?? '').split(path.delimiter)
  const found = folders.map((folder) => path.join(folder, 'chromium')).find((file) => existsSync(file))
  return process.env.LEOMA_TEST_BROWSER || found
}

const maxBytes = 150_000
const maxInteractiveMs = 1_000

interface Session {
  readonly page: Page
  readonly devtools: CDPSession
}

async function visit<T>(browser: Browser, work: (session: Session) => Promise<T>): Promise<T> {
  // Of its own for each visit, so that nothing is there from before.
  const context = await browser.newContext({viewport: {width: 390, height: 844}, deviceScaleFactor: 2, isMobile: true})
  try {
    const page = await context.newPage()
    return await work({page, devtools: await context.newCDPSession(page)})
  } finally {
    await context.close()
  }
}

/** Everything but pictures, which are lazy: documents, code, font, and all answers of the API, as they went over the wire. */
function firstLoad(browser: Browser, url: string): Promise<Measured> {
  return visit(browser, async ({page, devtools}) => {
    await devtools.send('Network.enable')
    const own = new Map<string, {name: string; bytes: number}>()
    devtools.on('Network.requestWillBeSent', ({requestId, request}) => {
      if (!request.url.includes('/media/')) own.set(requestId, {name: new URL(request.url).pathname, bytes: 0})
    })
    devtools.on('Network.loadingFinished', ({requestId, encodedDataLength}) => {
      const request = own.get(requestId)
      if (request) request.bytes = encodedDataLength
    })
    await page.goto(url)
    await page.waitForSelector('.plot canvas')
    await page.waitForTimeout(1_000)
    const requests = [...own.values()]
    const sum = requests.reduce((total, {bytes}) => total + bytes, 0)
    const code = requests
      .filter(({name}) => name === '/' || name.startsWith('/web/'))
      .reduce((total, {bytes}) => total + bytes, 0)
    return {
      name: 'first load, compressed, of 150 kB',
      ratio: sum / maxBytes,
      limit: 1,
      note: `${sum} bytes with 256 miners: ${code} of page, code and font, ${sum - code} of figures, in ${requests.length} requests`,
    }
  })
}

/** Four times slower than this machine, 1.6 Mbit/s, 150 ms to the server: the usual profile of a slow phone. */
async function slowPhone(browser: Browser, url: string): Promise<Measured[]> {
  const times: {interactive: number; content: number}[] = []
  for (let turn = 0; turn < 3; turn++) {
    times.push(
      await visit(browser, async ({page, devtools}) => {
        await devtools.send('Network.enable')
        await devtools.send('Network.emulateNetworkConditions', {
          offline: false,
          latency: 150,
          downloadThroughput: 1_600_000 / 8,
          uploadThroughput: 750_000 / 8,
        })
        await devtools.send('Emulation.setCPUThrottlingRate', {rate: 4})
        await page.addInitScript(`
          globalThis.seen = {}
          new MutationObserver(() => {
            if (!seen.interactive && document.querySelector('.top nav a')) seen.interactive = performance.now()
            if (!seen.content && document.querySelector('.winner .big')) seen.content = performance.now()
          }).observe(document, {childList: true, subtree: true})
        `)
        await page.goto(url, {waitUntil: 'commit'})
        await page.waitForSelector('.winner .big')
        return page.evaluate('seen') as Promise<{interactive: number; content: number}> // Set by the script above.
      }),
    )
  }
  // Others use this machine too; the page is as fast as its fastest visit shows.
  const best = (pick: (time: (typeof times)[number]) => number) => Math.min(...times.map(pick))
  const [interactive, content] = [best((time) => time.interactive), best((time) => time.content)]
  return [
    {
      name: 'interactive on a slow phone, of one second',
      ratio: interactive / maxInteractiveMs,
      limit: 1,
      note: `${Math.round(interactive)} ms until it can be used, ${Math.round(content)} ms until it says who wins; best of ${times.length}`,
    },
  ]
}

/** Longest time that a click or a scroll would have to wait, and all scripting, for the largest lists there are. */
async function fullSubnet(browser: Browser, url: string): Promise<Measured[]> {
  return visit(browser, async ({page, devtools}) => {
    await devtools.send('Performance.enable')
    await page.addInitScript(`
      globalThis.longest = 0
      new PerformanceObserver((list) => {
        for (const {duration} of list.getEntries()) globalThis.longest = Math.max(globalThis.longest, duration)
      }).observe({type: 'longtask', buffered: true})
    `)
    const figures = async () => {
      const {metrics} = await devtools.send('Performance.getMetrics')
      const of = (name: string) => 1000 * (metrics.find((metric) => metric.name === name)?.value ?? 0)
      return {script: of('ScriptDuration'), layout: of('LayoutDuration') + of('RecalcStyleDuration')}
    }
    await page.goto(`${url}/#/miners`)
    await page.waitForSelector('.board > li')
    while ((await page.getByRole('button', {name: /Show more/}).count()) > 0)
      await page.getByRole('button', {name: /Show more/}).click()
    await page.getByLabel('Sort by').selectOption('pass')
    await page.getByLabel('Search').fill('5')
    for (let y = 0; y < 20_000; y += 2_000) await page.mouse.wheel(0, 2_000)
    const rows = await page.locator('.board > li').count()
    const miners = await figures()
    await page.goto(`${url}/#/tasks`)
    for (let pages = 0; pages < 20; pages++) {
      await page.getByRole('link', {name: 'Older'}).click()
      await page.waitForSelector(`.task-list .id:text-is("#${9950 - 50 * pages}")`)
    }
    const all = await figures()
    const longest = (await page.evaluate('longest')) as number // Set by the script above.
    return [
      {
        name: 'longest task of a full subnet, of 200 ms',
        ratio: longest / 200,
        limit: 1,
        note: `${Math.round(longest)} ms; ${rows} rows shown, sorted, searched and scrolled: ${Math.round(miners.script)} ms of script, ${Math.round(miners.layout)} ms of layout; 20 pages of 10 000 tasks: ${Math.round(all.script - miners.script)} ms and ${Math.round(all.layout - miners.layout)} ms`,
      },
    ]
  })
}
