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
/** What browsers call a long task: below it nobody notices. */
const maxTaskMs = 50

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

/** Longest time that a click or a scroll has to wait once a page is there, for the largest lists that there are. */
async function fullSubnet(browser: Browser, url: string): Promise<Measured[]> {
  return visit(browser, async ({page}) => {
    const stages: {name: string; longest: number; wall: number}[] = []
    const stage = async (name: string, work: () => Promise<void>) => {
      await browser.startTracing(page, {categories: ['toplevel']})
      await work()
      await page.waitForTimeout(300)
      const trace = await browser.stopTracing()
      stages.push({name, longest: longestTaskMs(trace, 'tdur'), wall: longestTaskMs(trace, 'dur')})
    }
    await page.goto(`${url}/`)
    await page.waitForSelector('.plot canvas')
    await page.waitForTimeout(500)
    await stage('opening 256 miners', async () => {
      await page.getByRole('link', {name: 'Miners', exact: true}).click()
      await page.waitForSelector('.board > li')
    })
    await stage('scrolling them', async () => {
      for (let y = 0; y < 90; y++) {
        await page.mouse.wheel(0, 1_000)
        await page.waitForTimeout(30)
      }
      await page.waitForSelector('.board > li[aria-posinset="256"]')
    })
    await stage('sorting', async () => {
      for (const key of ['pass', 'complete', 'uid', 'rank']) await page.getByLabel('Sort by').selectOption(key)
    })
    await stage('searching', () => page.getByLabel('Search').pressSequentially('passed 9'))
    await stage('20 pages of 10 000 tasks', async () => {
      await page.getByRole('link', {name: 'Tasks', exact: true}).click()
      for (let pages = 0; pages < 20; pages++) {
        await page.getByRole('link', {name: 'Older'}).click()
        await page.waitForSelector(`.task-list .id:text-is("#${9950 - 50 * pages}")`)
      }
    })
    await stage('opening a miner', async () => {
      await page.goto(`${url}/#/miners`)
      await page.waitForSelector('.board > li')
      await page.locator('.board > li a.who').first().click()
      await page.waitForSelector('.verdict-list a')
    })
    await stage('a task of 256 outputs', async () => {
      await page.goto(`${url}/#/task/10000`)
      await page.waitForSelector('.videos > li')
    })
    const longest = Math.max(...stages.map((one) => one.longest))
    const said = stages.map((one) => `${one.name} ${Math.round(one.longest)}`)
    return [
      {
        name: `longest task of a full subnet, of ${maxTaskMs} ms`,
        ratio: longest / maxTaskMs,
        limit: 1,
        note: `processor time in ms of the longest task while ${said.join(', ')}`,
      },
      {
        name: `longest task by the clock, of ${maxTaskMs} ms`,
        ratio: Math.max(...stages.map(({wall}) => wall)) / maxTaskMs,
        // What others do on this machine is in it: on an idle one it hardly differs from the figure above.
        limit: 1,
        note: `as a person feels it: ${stages.map(({name, wall}) => `${name} ${Math.round(wall)}`).join(', ')}`,
      },
    ]
  })
}

interface TraceEvent {
  readonly name: string
  readonly pid: number
  readonly tid: number
  readonly args?: {readonly name?: string}
  /** Processor time of the thread, in microseconds: what others do on this machine is not in it. */
  readonly tdur?: number
  /** The same by the clock. */
  readonly dur?: number
}

/** Of the page's main thread. */
function longestTaskMs(trace: Buffer, of: 'tdur' | 'dur'): number {
  const {traceEvents} = JSON.parse(trace.toString()) as {traceEvents: TraceEvent[]} // Chromium's own format.
  const placeOf = ({pid, tid}: TraceEvent) => `${pid} ${tid}`
  const main = new Set(
    traceEvents.filter(({name, args}) => name === 'thread_name' && args?.name === 'CrRendererMain').map(placeOf),
  )
  const tasks = traceEvents.filter((event) => event.name.endsWith('RunTask') && main.has(placeOf(event)))
  if (tasks.length === 0) throw new Error('the trace holds no task of a page')
  return Math.max(...tasks.map((task) => (task[of] ?? 0) / 1000))
}
