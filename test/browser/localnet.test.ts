import type {Browser} from 'playwright-core'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {withLocalnet} from '../helpers/localnet.js'
import {browserPath, desktop, inEveryDress, launch, open, phone, settled, visit, type Watched} from './browser.js'

describe.skipIf(browserPath === undefined)('a finished localnet', () => {
  let browser: Browser
  let url: string
  let hotkeys: Readonly<Record<string, string>>
  let done: () => void
  let closed: Promise<void>

  beforeAll(async () => {
    browser = await launch()
    const hold = new Promise<void>((resolve) => {
      done = resolve
    })
    await new Promise<void>((ready, failed) => {
      closed = withLocalnet(
        {miners: ['oracle', 'drift', 'zoom', 'frozen', 'copycat'], rounds: 2},
        async ({localnet}) => {
          await localnet.run()
          url = localnet.facts.api
          hotkeys = Object.fromEntries(localnet.facts.cast.map(({profile, hotkey}) => [profile, hotkey]))
          ready()
          // Its API goes on answering until every page was looked at.
          await hold
        },
      )
      closed.catch(failed)
    })
  })
  afterAll(async () => {
    done?.()
    await closed
    await browser?.close()
  })

  const look = (place: string, work: (watched: Watched) => Promise<void>, options = desktop) =>
    visit(browser, url, {place, options}, work)
  const said = ({page}: Watched) => page.locator('main').textContent()

  it('says on its first page that it lives, who is ahead, and why', async () => {
    await look('', async (watched) => {
      await watched.page.waitForSelector('.live.on')
      await watched.page.waitForSelector('.plot canvas')
      await watched.shoot('localnet-overview')

      const text = await said(watched)
      expect(text).toContain('The subnet is alive.')
      expect(text).toMatch(/Who is aheaduid \d+ [\s\S]*100\.0 %of its tasks passed/)
      expect(text).toContain('Wins: passed 2 of 2 (100.0 %)')
      expect(text).toMatch(/Weights on the chain2 of 2 as expected/)
      expect(await watched.page.locator('.winner a.who').first().getAttribute('href')).toContain(hotkeys.oracle)
    })
  })

  it.each(['', 'miners', 'tasks', 'task/2', 'validators', 'oracle', 'frozen', 'copycat'])(
    'can be read in every dress at #/%s',
    async (name) => {
      const place = hotkeys[name] === undefined ? name : `miner/${hotkeys[name]}`
      await inEveryDress(
        browser,
        url,
        {place, name: `localnet-${name.replace('/', '-') || 'overview'}`},
        async ({page}) => {
          for (const button of await page.getByRole('button', {name: /^Why$|verdicts?$/}).all()) {
            await button.click()
            await page.waitForSelector('.verdict')
            break
          }
          const pictures = page.locator('main img')
          if ((await pictures.count()) > 0) await pictures.first().scrollIntoViewIfNeeded()
          await settled(page)
        },
      )
    },
  )

  it('tells a miner why it is where it is, with reason and remedy', async () => {
    await look(`miner/${hotkeys.copycat}`, async (watched) => {
      await watched.shoot('localnet-copycat')
      expect(await said(watched)).toMatch(
        /Not valid: a copy of the model of uid \d+, which was first[\s\S]*Train a model of your own/,
      )
    })
    await look('miners', async (watched) => {
      await watched.page.waitForSelector('.remedy')
      expect(await said(watched)).toMatch(/which was first\. Train a model of your own/)
    })
    await look(`miner/${hotkeys.frozen}`, async (watched) => {
      await watched.page.waitForSelector('.verdict-list .reason')
      await watched.shoot('localnet-frozen')
      expect(await said(watched)).toMatch(/none of its 2 tasks passed[\s\S]*rejected: hardly any motion 2/)
    })
    await look(
      `miner/${hotkeys.drift}`,
      async (watched) => {
        await watched.page.getByRole('button', {name: '2 verdicts'}).first().click()
        await watched.page.waitForSelector('.verdict')
        await watched.shoot('localnet-drift-phone')
        expect(await watched.page.locator('.verdict').count()).toBe(2)
        expect(await said(watched)).toMatch(/First frame fidelity\d+/)
      },
      phone,
    )
  })

  it('plays original and outputs in step, scrubs them in step, and shows what each validator said', async () => {
    await look('task/2', async (watched) => {
      const {page} = watched
      await page.waitForFunction(() => [...document.querySelectorAll('video')].every((video) => video.readyState >= 2))
      expect(await page.locator('video').count()).toBe(5)
      const times = () => page.evaluate(() => [...document.querySelectorAll('video')].map((video) => video.currentTime))

      await page.getByLabel('Moment of all videos').fill('3')
      await page.waitForFunction(() => [...document.querySelectorAll('video')].every((video) => !video.seeking))
      for (const time of await times()) expect(time).toBeCloseTo(3, 1)
      await page.getByLabel('One frame on').click()
      await page.waitForFunction(() => [...document.querySelectorAll('video')].every((video) => !video.seeking))
      for (const time of await times()) expect(time).toBeCloseTo(3 + 1 / 16, 1)

      await page.getByRole('button', {name: 'Play all'}).click()
      await page.waitForFunction(() =>
        [...document.querySelectorAll('video')].every((video) => video.currentTime > 3.3),
      )
      const playing = await times()
      expect(Math.max(...playing) - Math.min(...playing)).toBeLessThan(0.6)
      await page.getByRole('button', {name: 'Pause all'}).click()

      await page.getByRole('button', {name: 'Why'}).first().click()
      await page.waitForSelector('.verdict')
      await watched.shoot('localnet-task')
      expect(await said(watched)).toMatch(/Judge reference 2, confidence \d+/)
    })
  })

  it('verifies a genuine task in the browser, and finds one changed byte', async () => {
    await look('task/2', async (watched) => {
      const {page} = watched
      await page.getByRole('button', {name: 'Verify everything'}).click()
      await page.waitForSelector('.outcome.good', {timeout: 60_000})
      await watched.shoot('localnet-verified')

      // Exam 2, manifest 1, files 6 (frame, clip, four outputs), verdicts 6, votes 3.
      expect(await page.locator('.outcome').textContent()).toBe('Genuine: 18 checks held.')
    })
    const watched = await open(browser, url)
    await watched.page.route(`**/media/2/outputs/${hotkeys.drift}.mp4`, async (route) => {
      const response = await route.fetch()
      const body = await response.body()
      body[1000]! ^= 1
      await route.fulfill({response, body})
    })
    await watched.page.route(`**/tasks/2/verdicts/${hotkeys.oracle}`, async (route) => {
      const response = await route.fetch()
      const json = (await response.json()) as {verdicts: {verdict: {overall: number}}[]} // Our own API's.
      json.verdicts[0]!.verdict.overall--
      await route.fulfill({response, json})
    })
    await watched.go('task/2')
    await watched.page.getByRole('button', {name: 'Verify everything'}).click()
    await watched.page.waitForSelector('.outcome.bad', {timeout: 60_000})
    await watched.shoot('localnet-not-genuine')

    expect(await watched.page.locator('.outcome').textContent()).toBe('2 checks failed.')
    const failed = await watched.page.locator('.checks .fails').allTextContents()
    expect(failed.join('\n')).toMatch(
      /output of uid \d+ is not the file that the manifest names[\s\S]*does not bear that validator/,
    )
    await watched.close()
  })

  it('shows that the validators work, agree, and have put on the chain what follows', async () => {
    await look('validators', async (watched) => {
      await watched.shoot('localnet-validators')
      expect(await watched.page.getByText('weights as expected').count()).toBe(2)
      expect(await said(watched)).toMatch(/Agrees with the vote100\.0 %/)
      expect(await said(watched)).toMatch(/Alarms of the audit[\s\S]*no errors/)
    })
    await look('tasks', async (watched) => {
      await settled(watched.page)
      expect(await watched.page.locator('.task-list > li').count()).toBe(2)
    })
  })
})
