import type {Page} from 'playwright-core'
import {describe, expect, it} from 'vitest'
import {start} from '../helpers/program.js'
import {browserPath, desktop, launch, open} from './browser.js'

/** Goes on with Tab until a link or button of that name has the focus, and takes it: no pointer at any time. */
async function press(page: Page, name: string | RegExp): Promise<void> {
  for (let tabs = 0; tabs < 150; tabs++) {
    await page.keyboard.press('Tab')
    const focused = await page.evaluate(() => document.activeElement?.textContent?.trim() ?? '')
    if (typeof name === 'string' ? focused === name : name.test(focused)) return page.keyboard.press('Enter')
  }
  throw new Error(`150 times Tab, and nothing named ${name} had the focus`)
}

/** What `npm start` runs, as a stranger meets it: the printed address, a browser, and nothing known beforehand. */
describe.skipIf(browserPath === undefined)('a stranger who starts leoma and opens what it prints', () => {
  it('sees who wins and why, watches the proof, has it verified, all by keyboard, and ends it with Ctrl-C', async () => {
    const program = start(['localnet', '--miners', 'oracle,drift,copycat'])
    await program.sees('its data:')
    const [, url = ''] = /watch it in a browser:\s+(http:\/\/\S+)/.exec(program.said.stderr) ?? []
    const browser = await launch()
    try {
      const watched = await open(browser, url.replace(/\/$/, ''), desktop)
      const {page} = watched
      const others: string[] = []
      page.on('request', (request) => {
        if (!request.url().startsWith(url.replace(/\/$/, ''))) others.push(request.url())
      })
      await watched.go('')
      // The page follows by itself: nobody loads it again.
      await page.waitForSelector('.winner .big', {timeout: 300_000})
      await page.waitForSelector('.proof img')
      await watched.shoot('stranger-overview')
      expect(await page.locator('.winner').textContent()).toMatch(/Wins: passed \d+ of \d+/)

      await press(page, 'Miners')
      await page.waitForSelector('.board > li')
      await press(page, /^uid \d+/)
      await page.waitForSelector('.verdict-list a')
      expect(await page.locator('.standing').textContent()).toMatch(/Wins: passed/)
      await press(page, /^#\d+$/)
      await page.waitForFunction(() => {
        const videos = [...document.querySelectorAll('video')]
        return videos.length >= 2 && videos.every((video) => video.readyState >= 2)
      })

      await press(page, 'Play all')
      await page.waitForFunction(() =>
        [...document.querySelectorAll('video')].every((video) => video.currentTime > 0.5),
      )
      await press(page, 'Pause all')
      const times = await page.evaluate(() => [...document.querySelectorAll('video')].map((video) => video.currentTime))
      expect(Math.max(...times) - Math.min(...times)).toBeLessThan(0.1)
      await press(page, 'Why')
      await page.waitForSelector('.verdict')
      await press(page, 'Verify everything')
      await page.waitForSelector('.outcome.good', {timeout: 60_000})
      expect(await page.locator('.outcome').textContent()).toMatch(/^Genuine: \d+ checks held\.$/)
      await watched.shoot('stranger-proof')

      expect(others).toEqual([])
      expect(watched.faults).toEqual([])
      program.child.kill('SIGINT')
      await page.waitForSelector('.live.off', {timeout: 60_000})
    } finally {
      await browser.close()
    }
    expect(await program.ended).toBe(0)
  })
})
