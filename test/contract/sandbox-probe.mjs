// Runs inside a sandbox and does what TRIAL says; what it learned goes to /output/told.json, then it waits for its end.
import {execFileSync, spawn} from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'

const {TALKHEAD_INPUT: input, TALKHEAD_OUTPUT: output, TRIAL: trial, TARGET: target = ''} = process.env

const tell = (told) => {
  fs.writeFileSync(path.join(output, 'told.part'), JSON.stringify(told))
  fs.renameSync(path.join(output, 'told.part'), path.join(output, 'told.json'))
}
const tried = (work) => {
  try {
    return String(work() ?? 'done')
  } catch (error) {
    return error.code ?? error.message
  }
}
const wait = () => setInterval(() => {}, 60_000)
const out = (name) => path.join(output, name)

const trials = {
  copy() {
    const timer = setInterval(() => {
      if (!fs.existsSync(path.join(input, 'task.json'))) return
      clearInterval(timer)
      fs.writeFileSync(out('answer.bin'), fs.readFileSync(path.join(input, 'task.json')).reverse())
      tell('copied')
    }, 5)
  },
  /** Has its answer before the task, and says that it is older still. */
  ahead() {
    const old = (name) => fs.utimesSync(out(name), 1, 1)
    fs.writeFileSync(out('early.bin'), 'worked ahead')
    old('early.bin')
    const timer = setInterval(() => {
      if (!fs.existsSync(path.join(input, 'task.json'))) return
      clearInterval(timer)
      fs.renameSync(out('early.bin'), out('answer.bin'))
      old('answer.bin')
      tell('renamed')
    }, 5)
  },
  exit() {
    process.stdout.write('first\n')
    process.stderr.write('\u001b[31mlast words\u0007\n')
    process.exit(7)
  },
  facts() {
    const status = tried(() => fs.readFileSync('/proc/self/status', 'utf8'))
    const line = (name) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1]
    tell({
      uid: process.getuid(),
      caps: line('CapEff'),
      bounding: line('CapBnd'),
      newPrivileges: line('NoNewPrivs'),
      env: process.env,
    })
  },
  odd() {
    fs.symlinkSync(target, out('link'))
    fs.symlinkSync('/proc/self/environ', out('proc'))
    fs.mkdirSync(out('folder'))
    fs.writeFileSync(out('one'), 'two names')
    fs.linkSync(out('one'), out('other'))
    fs.writeFileSync(out('.hidden'), '')
    fs.writeFileSync(out('sparse'), '')
    fs.truncateSync(out('sparse'), 1_000_000)
    net.createServer().listen(out('socket'), () => tell(tried(() => execFileSync('mkfifo', [out('fifo')]))))
  },
  write() {
    // Where nothing holds it, the root is that of somebody's machine.
    const root = output === '/output' ? ['/', '/etc', '/usr', '/dev', '/var'] : []
    const places = [...root.map((folder) => path.join(folder, 'escaped')), path.join(input, 'reference'), target]
    const told = {}
    for (const place of places) told[place] = tried(() => fs.writeFileSync(place, 'was here'))
    told.overwritten = tried(() => fs.writeFileSync(path.join(input, 'reference.bin'), 'mine'))
    told.removed = tried(() => fs.unlinkSync(path.join(input, 'reference.bin')))
    tell(told)
  },
  read() {
    tell({
      target: tried(() => fs.readFileSync(target, 'utf8')),
      processes: tried(() => fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length),
    })
  },
  network() {
    const socket = net.connect({host: '127.0.0.1', port: Number(target), timeout: 2_000})
    const done = (how) => {
      socket.destroy()
      tell({how, interfaces: Object.keys(os.networkInterfaces())})
    }
    socket.on('connect', () => done('connected'))
    socket.on('error', (error) => done(error.code))
    socket.on('timeout', () => done('timeout'))
  },
  print() {
    const line = 'a'.repeat(65_536)
    const more = () => process.stdout.write(line, more)
    more()
  },
  fill() {
    const block = Buffer.alloc(1024 * 1024, 1)
    let written = 0
    // Bounded, in case nothing else bounds it.
    const how = tried(() => {
      for (; written < 400; written++) fs.appendFileSync(out(`file-${written % 8}`), block)
    })
    for (let at = 0; at < 8; at++) fs.rmSync(out(`file-${at}`), {force: true})
    tell({how, written})
  },
  remember() {
    const kept = []
    const timer = setInterval(() => {
      // Bounded, in case nothing else bounds it.
      if (kept.length < 1024) kept.push(Buffer.alloc(4 * 1024 * 1024, kept.length))
      else clearInterval(timer)
    }, 10)
  },
  fork() {
    const sleepers = []
    const count = Number(target)
    const next = () => {
      if (sleepers.length >= count) return tell({made: sleepers.length})
      // Each on its own, with nothing in its environment: not to be found by what its parent set.
      const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
        detached: true,
        stdio: 'ignore',
        env: {},
      })
      child.on('error', (error) => tell({made: sleepers.length, how: error.code}))
      child.on('spawn', () => {
        sleepers.push(child.pid)
        next()
      })
    }
    next()
  },
  hang() {
    process.on('SIGTERM', () => {})
    process.on('SIGINT', () => {})
    tell('deaf')
    for (;;);
  },
}

trials[trial]()
if (trial !== 'exit') wait()
